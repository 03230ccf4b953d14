"""Our images: what goes into each, and a tag that follows from it.

An image is built only when one of its inputs changed, and a chart upgrade restarts exactly what
changed. Who builds them depends on the machine: buildah (:mod:`localcluster.buildah`) or Docker.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcluster import binaries

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "operator": ("operator/perennial", "artifact/perennial_artifact"),
    "trainer": ("training/perennial_training", "artifact/perennial_artifact"),
    "serving": ("serving/perennial_serving", "artifact/perennial_artifact"),
}


@dataclass(frozen=True)
class Image:
    """An image to build."""

    name: str
    recipe: Path
    inputs: tuple[Path, ...]
    version: str = ""

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
            if self.name == "versitygw":
                shutil.copy(binaries.path("versitygw"), context)
            else:
                (context / "requirements").mkdir()
                for path in self.inputs:
                    if path.suffix == ".txt":
                        shutil.copy(path, context / "requirements")
                        continue
                    target = context if path.name == "bin" else context / "app"
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(path, target / path.name, ignore=ignored)
            yield context

    def arguments(self, base: str) -> list[str]:
        """Return the build's arguments, the same for buildah and Docker."""
        chosen = {"BASE_IMAGE": base} if base else {}
        if self.name in PARTS:
            chosen["PART"] = self.name
        flags = [f for k, v in chosen.items() for f in ("--build-arg", f"{k}={v}")]
        return ["-t", self.reference, "-f", str(self.recipe), *flags]


def wanted() -> list[Image]:
    """Return all images of this checkout."""
    images = ROOT / "images"
    found = []
    for name, packages in PARTS.items():
        inputs = (images / "requirements" / f"{name}.txt", images / "bin")
        inputs += tuple(ROOT / package for package in packages)
        found.append(Image(name, images / "python.Dockerfile", inputs))
    recipe = images / "versitygw.Dockerfile"
    return [*found, Image("versitygw", recipe, (), binaries.VERSITYGW)]


def values(images: Sequence[Image]) -> str:
    """Return the chart's values that name these images."""
    tags = {i.name: {"image": {"tag": i.digest}} for i in images}
    store = tags.pop("versitygw")
    return json.dumps({**tags, "store": {"embedded": store}}, indent=1)
