# SPDX-License-Identifier: Apache-2.0
"""One table: pictures with a title."""

from typing import ClassVar

from django.core.validators import FileExtensionValidator
from django.db import models

PICTURES = ["png", "jpg", "jpeg", "gif", "webp"]


class Photo(models.Model):
    title = models.CharField(max_length=80)
    picture = models.FileField(
        upload_to="photos/%Y/%m", validators=[FileExtensionValidator(PICTURES)]
    )
    uploaded = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-uploaded"]

    def __str__(self) -> str:
        return self.title
