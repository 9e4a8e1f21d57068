# SPDX-License-Identifier: Apache-2.0
from django.contrib import admin

from library.models import Book

admin.site.register(Book)
