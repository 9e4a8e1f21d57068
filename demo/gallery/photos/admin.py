# SPDX-License-Identifier: Apache-2.0
"""Photos in Django's admin."""

from typing import ClassVar

from django.contrib import admin

from photos.models import Photo


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):
    list_display: ClassVar = ["title", "uploaded"]
    search_fields: ClassVar = ["title"]
