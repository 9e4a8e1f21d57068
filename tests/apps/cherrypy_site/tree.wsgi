# SPDX-License-Identifier: Apache-2.0
"""CherryPy as its manual says for Apache: no server of its own, the engine started once in each
process and stopped when the process ends; two applications mounted in one tree."""

import atexit
import os
import sys

import cherrypy
import stage

sys.path.insert(0, os.path.dirname(__file__))
import pages

cherrypy.config.update({"environment": "embedded", "log.screen": False})
cherrypy.server.unsubscribe()
cherrypy.tree.mount(pages.Root(), "/cp", pages.CONFIG)
cherrypy.tree.mount(pages.Other(), "/cp/other", {"/": {"tools.gzip.on": True}})
cherrypy.engine.subscribe("start", lambda: stage.note("engine", f"start {os.getpid()}"))
cherrypy.engine.subscribe("stop", lambda: stage.note("engine", f"stop {os.getpid()}"))
cherrypy.engine.start()
atexit.register(cherrypy.engine.exit)
application = cherrypy.tree
