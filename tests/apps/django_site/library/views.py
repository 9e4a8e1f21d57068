# SPDX-License-Identifier: Apache-2.0
import stage
from django.http import FileResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from library.models import Book


def books(request):
    return render(request, "books.html", {"books": Book.objects.order_by("id")})


def upload(request):
    book = Book.objects.create(title=request.POST["title"], cover=request.FILES["cover"])
    return redirect(f"/cover/{book.pk}/")


def cover(request, number):
    return FileResponse(get_object_or_404(Book, pk=number).cover.open("rb"))


def stream(request):
    def parts():
        for number in range(3):
            yield f"part {number}\n"
            stage.gate(f"part{number}")

    return StreamingHttpResponse(parts(), content_type="text/plain")


def fail(request):
    raise LookupError("a view that fails")


def where(request):
    return JsonResponse(
        {
            "url": request.build_absolute_uri(),
            "reverse": reverse("where"),
            "script": request.META["SCRIPT_NAME"],
            "secure": request.is_secure(),
        }
    )
