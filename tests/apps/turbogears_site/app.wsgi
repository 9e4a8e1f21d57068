# SPDX-License-Identifier: Apache-2.0
"""A full-stack TurboGears 2 package, without a database."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import shelves
from tg import FullStackApplicationConfigurator

configurator = FullStackApplicationConfigurator()
configurator.update_blueprint({
    "package": shelves,
    "renderers": ["kajiki", "json"],
    "default_renderer": "kajiki",
    "serve_static": True,
    "session.enabled": True,
    "session.type": "cookie",
    "session.key": "tg",
    "session.validate_key": "no secret",
    "session.data_serializer": "json",
    "tm.enabled": False,
    "use_sqlalchemy": False,
    "errorpage.enabled": False,
    "debug": False,
})  # fmt: skip
application = configurator.make_wsgi_app({"debug": False})
