# SPDX-License-Identifier: Apache-2.0
"""pypiserver: twine uploads a package, pip finds and downloads it."""

import os
import subprocess
import zipfile

import pytest

PASSWORDS = "ann:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ="
"""For "pass"."""


@pytest.fixture
def pypi(site):
    site.use_applications()
    path = site.install("pypi_site")
    (path / "packages").mkdir()
    (path / "packages").chmod(0o777)
    (path / "htpasswd").write_text(PASSWORDS + "\n")
    site.config.add("WSGIPassAuthorization On")
    site.serve(path / "pypi.wsgi", at="/pypi", group_options={"processes": 2, "threads": 3})
    return site


def make_wheel(folder, name, version, data):
    """A wheel with one module and one big file."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        wheel.writestr(f"{name}.bin", data)
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\n"
                       "Tag: py3-none-any\n")  # fmt: skip
        wheel.writestr(f"{info}/RECORD", "")
    return path


def run(site, *words, ok=True):
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(site.root), "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1", "NO_COLOR": "1",
    }  # fmt: skip
    command = [site.settings.applications / "bin" / "python", "-m", *words]
    done = subprocess.run(
        command, env=environment, cwd=site.root, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is ok, f"{words}\n{done.stdout}\n{done.stderr}\n{site.tail()}"
    return done.stdout + done.stderr


def upload(site, *paths, password="pass", ok=True):  # noqa: S107
    return run(
        site, "twine", "upload", "--non-interactive", "--disable-progress-bar",
        "--repository-url", f"{site.url}/pypi/", "-u", "ann", "-p", password,
        *map(str, paths), ok=ok,
    )  # fmt: skip


def test_upload_and_download(pypi):
    site = pypi
    data = os.urandom(1_500_000)
    wheels = [make_wheel(site.root, "casktest", version, data) for version in ("1.0", "1.1")]
    upload(site, *wheels)
    stored = site.apps / "pypi_site" / "packages" / wheels[0].name
    assert stored.read_bytes() == wheels[0].read_bytes()
    index = ["--index-url", f"{site.url}/pypi/simple/", "--trusted-host", "127.0.0.1"]
    folder = site.root / "got"
    run(site, "pip", "download", "-q", "--no-deps", *index, "-d", str(folder), "casktest")
    got = folder / "casktest-1.1-py3-none-any.whl"
    assert got.read_bytes() == wheels[1].read_bytes()
    run(site, "pip", "install", "-q", *index, "--target", str(site.root / "lib"), "casktest==1.0")
    assert "1.0" in (site.root / "lib" / "casktest.py").read_text()
    assert 'href="casktest/"' in site.get("/pypi/simple/").text
    assert site.get("/pypi/simple/casktest", 301).headers["Location"].endswith("/casktest/")
    assert site.get("/pypi/simple/casktest/").text.count(".whl#") == 2
    assert "casktest" in site.get("/pypi/packages/").text
    assert site.get("/pypi/casktest/json").json()["info"]["version"] == "1.1"
    site.logs.allow("Cannot upload|--overwrite")
    assert "400" in upload(site, wheels[0], ok=False)


def test_upload_with_a_wrong_password(pypi):
    """Refused with 403; nothing is stored."""
    wheel = make_wheel(pypi.root, "casktest", "1.0", b"x" * 300_000)
    assert "403" in upload(pypi, wheel, password="wrong", ok=False)
    assert not list((pypi.apps / "pypi_site" / "packages").iterdir())
