"""Copy what a Python program needs of this system into a directory that becomes an image.

closure.py interpreter ROOT: the interpreter, its library, what both link to, certificates, names.
closure.py packages ROOT TREE LOWER: what the packages below TREE link to and LOWER lacks, the layer
below; first they are cleared of what nothing uses.
"""

import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Set
from pathlib import Path
from py_compile import PycInvalidationMode

import debian

# Of the standard library: what tests, installs, draws windows or edits lines in a terminal.
WITHOUT = shutil.ignore_patterns(
    *("test", "idlelib", "ensurepip", "venv", "lib2to3", "distutils", "pydoc_data"),
    *("tkinter", "turtle*", "curses", "config-*", "*-packages", "sitecustomize.py", "__pycache__"),
    *("_test*", "_ctypes_test*", "_xxtest*", "xxlimited*", "_tkinter*", "_curses*", "readline*"),
    *("_dbm*", "_gdbm*", "nis.*", "ossaudiodev*", "EXTERNALLY-MANAGED"),
)
# Of packages: what only tests them or builds against them, and the big parts that we do not use.
UNUSED = (
    *("**/tests", "**/test", "**/include", "**/*.pyi", "**/*.pyx", "**/*.pxd", "**/*.pxi"),
    *("**/simdjson/*.cpp", "**/simdjson/*.h"),
    "bin/[Aa]ctivate*",
    # For programs in C: the module has a copy of its own. And what converts models.
    *("**/onnxruntime/capi/libonnxruntime.so*", "**/onnxruntime/transformers"),
    *("**/onnxruntime/tools", "**/onnxruntime/quantization"),
    # Remote procedures and S3: we fetch files with obstore.
    *("**/pyarrow/*flight*", "**/pyarrow/*s3*", "**/pyarrow/src"),
)
# What onnxruntime asks for by name to lower and to strip text, and what is there on every Debian:
# it has all letters of Unicode, and no other habit of any country.
LOCALE, ASKED_FOR = Path("/usr/lib/locale/C.utf8"), "en_US.utf8"
NAMES = {
    "passwd": "root:x:0:0::/:/nonexistent\nperennial:x:65532:65532::/tmp:/nonexistent\n",
    "group": "root:x:0:\nperennial:x:65532:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def place(source: Path, root: Path) -> None:
    """Copy a file to the same path below a root, with every symbolic link on the way to it."""
    for part in [*reversed(source.parents), source]:
        if part.is_symlink():
            link = root / part.relative_to("/")
            if not link.is_symlink():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(part.readlink())
            target = part.parent / part.readlink() / source.relative_to(part)
            return place(Path(os.path.normpath(target)), root)
    target = root / source.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def linked(listing: str, bundled: Set[str]) -> set[Path]:
    """Return the libraries that a listing of ldd names; wheels bundle some and open them in order.

    Raises:
        ValueError: one is neither on this system nor bundled.
    """
    missing = set(re.findall(r"^\s+(\S+) => not found", listing, re.MULTILINE)) - bundled
    if missing:
        raise ValueError(f"not on this system: {', '.join(sorted(missing))}")
    return {Path(p) for p in re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", listing, re.MULTILINE)}


def libraries(files: Iterable[Path]) -> set[Path]:
    """Return what files link to, each directly or through others."""
    known = list(files)
    done = subprocess.run(["ldd", *known], capture_output=True, text=True)
    return linked(done.stdout, {path.name for path in known})


def locale(root: Path) -> None:
    """Copy the locale of Unicode, under the name too by which models of text need it."""
    for path in LOCALE.rglob("*"):
        if path.is_file():
            place(path, root)
    (root / LOCALE.relative_to("/")).with_name(ASKED_FOR).symlink_to(LOCALE.name)


def _copyrights(root: Path) -> None:
    """Copy the licences of the Debian packages that files below a root come from."""
    for package in debian.owners_below(root):
        place(Path("/usr/share/doc") / package.name / "copyright", root)


def interpreter(root: Path) -> None:
    """Copy this interpreter and what it needs."""
    executable, library = Path(sys.executable), Path(sysconfig.get_path("stdlib"))
    place(executable, root)
    copied = root / library.resolve().relative_to("/")
    shutil.copytree(library, copied, ignore=WITHOUT, dirs_exist_ok=True)
    compileall.compile_dir(
        copied,
        quiet=1,
        workers=0,
        stripdir=str(root),
        prependdir="/",
        # What is in an image does not change, so nobody need compare modules with their sources.
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    # Nothing links to it: the C library opens it when a thread is ended.
    unwinder = re.search(r"libgcc_s\.so\.1 .* => (/\S+)", known.stdout)
    assert unwinder
    found = {Path(unwinder[1]), *libraries([executable, *copied.rglob("*.so")])}
    for path in (*found, Path("/etc/ld.so.cache"), Path("/etc/os-release")):
        place(path, root)
    locale(root)
    for name, text in NAMES.items():
        (root / "etc" / name).write_text(text)
    # From the package, not from /etc/ssl, where a build may see its host's own authorities.
    certificates = root / "etc/ssl/certs/ca-certificates.crt"
    certificates.parent.mkdir(parents=True)
    authorities = sorted(Path("/usr/share/ca-certificates").rglob("*.crt"))
    certificates.write_text("".join(path.read_text() for path in authorities))
    place(Path("/usr/share/doc/ca-certificates/copyright"), root)
    (root / "tmp").mkdir(mode=0o1777)
    (root / "tmp").chmod(0o1777)
    _copyrights(root)


def clear(tree: Path) -> None:
    """Remove what nothing uses from an environment."""
    for path in [path for pattern in UNUSED for path in tree.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def packages(root: Path, tree: Path, lower: Path) -> None:
    """Clear an environment and copy what it links to and the layer below lacks."""
    clear(tree)
    root.mkdir()
    for path in libraries(tree.rglob("*.so*")):
        resolved = path.resolve()
        if not resolved.is_relative_to(tree) and not (lower / resolved.relative_to("/")).exists():
            # By its directory's own name: the layer below has the links to it.
            place(path.parent.resolve() / path.name, root)
    _copyrights(root)


def main() -> None:
    """Do what the command line says."""
    match sys.argv[1:]:
        case ["interpreter", root]:
            interpreter(Path(root))
        case ["packages", root, tree, lower]:
            packages(Path(root), Path(tree), Path(lower))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
