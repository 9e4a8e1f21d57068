# SPDX-License-Identifier: Apache-2.0
from django.contrib import admin
from django.urls import path
from library import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", views.books),
    path("upload/", views.upload),
    path("cover/<int:number>/", views.cover),
    path("stream/", views.stream),
    path("fail/", views.fail),
    path("where/", views.where, name="where"),
]
