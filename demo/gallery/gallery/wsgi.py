# SPDX-License-Identifier: Apache-2.0
"""What WSGIScriptAlias names."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery.settings")

application = get_wsgi_application()
