# SPDX-License-Identifier: Apache-2.0
"""Every name that mod_wsgi's configurations use is known here, and what is ours alone is listed as
such in docs/guide/from-mod_wsgi.md."""

from __future__ import annotations

import re

from rules import TOP


def words(text: str) -> set[str]:
    return set(text.split())


PAGE = (TOP / "docs" / "guide" / "from-mod_wsgi.md").read_text()
APACHE = TOP / "src" / "c" / "apache"
DIRECTIVES = words("""
WSGIAcceptMutex WSGIAccessScript WSGIApplicationGroup WSGIAuthGroupScript WSGIAuthUserScript
WSGICallableObject WSGICaseSensitivity WSGIChunkedRequest WSGIDaemonProcess WSGIDestroyInterpreter
WSGIDispatchScript WSGIDontWriteBytecode WSGIEnableSendfile WSGIErrorOverride WSGIFreeThreading
WSGIGroupAuthoritative WSGIHandlerScript WSGIIgnoreActivity WSGIImportScript WSGIMapHEADToGET
WSGIPassApacheRequest WSGIPassAuthorization WSGIPerInterpreterGIL WSGIProcessGroup WSGIPythonEggs
WSGIPythonHashSeed WSGIPythonHome WSGIPythonOptimize WSGIPythonPath WSGIPythonWarnings
WSGIRestrictEmbedded WSGIRestrictProcess WSGIRestrictSignal WSGIRestrictStdin WSGIRestrictStdout
WSGIScriptAlias WSGIScriptAliasMatch WSGIScriptReloading WSGIServerMetrics WSGISlowRequests
WSGISocketPrefix WSGISocketRotation WSGISwitchInterval WSGITelemetryOptions WSGITelemetryService
WSGITrustedProxies WSGITrustedProxyHeaders WSGIVerboseDebugging
""")
REMOVED = words("""
WSGILazyInitialization WSGINewRelicConfigFile WSGINewRelicEnvironment WSGIPy3kWarningFlag
WSGIUserAuthoritative
""")
OPTIONS = words("""
chroot connect-timeout cpu-priority cpu-time-limit deadlock-timeout display-name eviction-timeout
graceful-timeout group header-buffer-size home inactivity-timeout interrupt-timeout lang
listen-backlog locale maximum-requests memory-limit processes python-eggs python-home python-path
queue-timeout receive-buffer-size request-timeout response-buffer-size response-flush-delay
response-socket-timeout restart-interval script-group script-user send-buffer-size server-metrics
shutdown-timeout socket-timeout socket-user stack-size startup-timeout supplementary-groups
switch-interval threads umask user virtual-memory-limit
newrelic-config-file newrelic-environment
""")


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def names_in(file: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (APACHE / file).read_text(), re.MULTILINE))


def test_directives() -> None:
    known = names_in("directives.def", r"^CASK_DIRECTIVE_\w+\((WSGI\w+)")
    assert known >= DIRECTIVES | REMOVED
    ours = section("Additions")
    assert [name for name in known - DIRECTIVES - REMOVED if f"`{name}`" not in ours] == []


def test_options_of_daemon_groups() -> None:
    known = names_in("daemon_options.def", r'^CASK_DAEMON_\w+\("([a-z-]+)"')
    assert [name for name in OPTIONS - known if f"`{name}=" not in section("Not there yet")] == []
    assert [name for name in known - OPTIONS if f"`{name}=" not in section("Additions")] == []
    assert [name for name in known if f"| `{name}=`" in section("Not there yet")] == []
