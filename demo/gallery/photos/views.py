# SPDX-License-Identifier: Apache-2.0
"""The one page: an upload form above what has been uploaded."""

import os
import pwd

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from photos.models import PICTURES, Photo

LIMIT = 20 * 1024 * 1024


class UploadForm(forms.ModelForm):
    class Meta:
        model = Photo
        fields = ("title", "picture")
        widgets = {  # noqa: RUF012 - Django's way
            "title": forms.TextInput(attrs={"placeholder": "Title"}),
            "picture": forms.FileInput(attrs={"accept": ",".join(f".{p}" for p in PICTURES)}),
        }

    def clean_picture(self):
        picture = self.cleaned_data["picture"]
        if picture.size > LIMIT:
            raise forms.ValidationError("Pictures may have 20 MB.")
        return picture


def index(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("index")
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = str(os.geteuid())
    return render(
        request,
        "photos/index.html",
        {
            "form": form,
            "photos": Photo.objects.all()[:60],
            "user_name": user,
            "pid": os.getpid(),
            "group": request.META.get("mod_wsgi.process_group", ""),
        },
        status=400 if request.method == "POST" else 200,
    )
