# SPDX-License-Identifier: Apache-2.0
"""The table of photos."""

from typing import ClassVar

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="Photo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False,
                                           verbose_name="ID")),
                ("title", models.CharField(max_length=80)),
                ("picture", models.FileField(
                    upload_to="photos/%Y/%m",
                    validators=[django.core.validators.FileExtensionValidator(
                        ["png", "jpg", "jpeg", "gif", "webp"])])),
                ("uploaded", models.DateTimeField(auto_now_add=True)),
            ],
            options={"ordering": ["-uploaded"]},
        ),
    ]  # fmt: skip
