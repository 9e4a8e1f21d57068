# SPDX-License-Identifier: Apache-2.0
"""The pages of the gallery."""

from django.contrib import admin
from django.urls import path

from photos import views

urlpatterns = [
    path("", views.index, name="index"),
    path("admin/", admin.site.urls),
]
