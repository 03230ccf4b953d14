"""Our images: what goes into each, and a tag that follows from it.

An image is built only when one of its inputs changed, and a chart upgrade restarts exactly what
changed. Who builds them depends on the machine: buildah (:mod:`localcluster.buildah`) or Docker.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcluster import binaries, prerequisites

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "images"
REQUIREMENTS = IMAGES / "requirements"
TOOLS = (
    *(IMAGES / name for name in ("closure.py", "debian.py", "sbom.py")),
    REQUIREMENTS / "pip.txt",
)
SHARED = ("artifact/perennial_artifact", "artifact/perennial_statistics")
PARTS = {
    "operator": ("operator/perennial", *SHARED),
    # What is published has been loaded by the server's own rules.
    "trainer": ("training/perennial_training", "serving/perennial_serving", *SHARED),
    "serving": ("serving/perennial_serving", "artifact/perennial_artifact", "images/bin"),
}


@dataclass(frozen=True)
class Image:
    """An image to build, of inputs in the checkout and a version that stands for the others."""

    name: str
    inputs: tuple[Path, ...]
    version: str

    @property
    def recipe(self) -> Path:
        """The Dockerfile."""
        return IMAGES / f"{'python' if self.name in PARTS else self.name}.Dockerfile"

    @property
    def has_base(self) -> bool:
        """Whether it is built on an image of Debian."""
        return self.name in PARTS or self.name == "envoy"

    @property
    def digest(self) -> str:
        """Sixteen characters that stand for all inputs."""
        found = hashlib.sha256(self.version.encode())
        tops = [*self.inputs, self.recipe]
        files = {p for t in tops for p in ([t] if t.is_file() else t.rglob("*")) if p.is_file()}
        for path in sorted(p for p in files if "__pycache__" not in p.parts):
            found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
        return found.hexdigest()[:16]

    @property
    def reference(self) -> str:
        """The image's full name."""
        return f"docker.io/perennial/{self.name}:{self.digest}"

    @contextmanager
    def context(self) -> Iterator[Path]:
        """Make a build context of nothing but the inputs."""
        with tempfile.TemporaryDirectory() as place:
            context = Path(place)
            if self.name == "pause":
                shutil.copy(prerequisites.path("catatonit"), context)
            elif self.name == "versitygw":
                _versitygw(context, self.version)
            elif self.name in ("envoy", "envoy-gateway"):
                shutil.copy(binaries.path(self.name), context)
            else:
                self._python(context)
            yield context

    def _python(self, context: Path) -> None:
        shutil.copy(REQUIREMENTS / f"{self.name}.txt", context / "requirements.txt")
        for tool in TOOLS:
            shutil.copy(tool, context)
        for path in self.inputs:
            if path.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, context / "app" / path.name, ignore=ignored)

    def arguments(self, base: str) -> list[str]:
        """Return the build's arguments, the same for buildah and Docker."""
        chosen = {"VERSION": self.version}
        if self.name in PARTS:
            chosen |= {"PART": self.name}
        if self.has_base and base:
            chosen |= {"BASE_IMAGE": base}
        flags = [f for k, v in chosen.items() for f in ("--build-arg", f"{k}={v}")]
        return ["-t", self.reference, "-f", str(self.recipe), *flags]


def _versitygw(context: Path, version: str) -> None:
    """Put the binary and the bill of what it was built of into a context."""
    binary = shutil.copy(binaries.path("versitygw"), context)
    listing = subprocess.run(
        [binaries.go(), "version", "-m", binary], capture_output=True, text=True, check=True
    )
    command = [sys.executable, str(IMAGES / "sbom.py"), "--go", "versitygw", version]
    bill = subprocess.run(command, input=listing.stdout, capture_output=True, text=True, check=True)
    (context / "versitygw.cdx.json").write_text(bill.stdout)


def wanted() -> list[Image]:
    """Return all images of this checkout."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    found = []
    for name, packages in PARTS.items():
        inputs = (REQUIREMENTS / f"{name}.txt", *TOOLS)
        found.append(Image(name, (*inputs, *(ROOT / package for package in packages)), version))
    return [*found, Image("versitygw", (IMAGES / "sbom.py",), binaries.VERSITYGW)]


def pause() -> Image:
    """Return the image of a pod's own process, which kind's nodes have and ours lacks."""
    return Image("pause", (), "1")


@dataclass(frozen=True)
class GatewayImages:
    """Full names of the images of Envoy Gateway."""

    controller: str
    proxy: str


def gateway() -> tuple[Image, Image]:
    """Return the images of Envoy Gateway that we build where nothing can be pulled."""
    controller = Image("envoy-gateway", (), binaries.ENVOY_GATEWAY)
    return controller, Image("envoy", (), binaries.ENVOY)


UPSTREAM = GatewayImages(
    f"docker.io/envoyproxy/gateway:{binaries.ENVOY_GATEWAY}",
    f"docker.io/envoyproxy/envoy:distroless-v{binaries.ENVOY}",
)


def values(images: Sequence[Image]) -> str:
    """Return the chart's values that name these images."""
    tags = {i.name: {"image": {"tag": i.digest}} for i in images}
    store = tags.pop("versitygw")
    return json.dumps({**tags, "store": {"embedded": store}}, indent=1)
