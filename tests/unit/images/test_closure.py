"""What is copied into an image, and under which names."""

from pathlib import Path

import pytest

import closure

LDD = """\
/usr/bin/python3:
	linux-vdso.so.1 (0x00007ffc)
	libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f05)
	/lib64/ld-linux-x86-64.so.2 (0x00007f06)
/opt/p/libs/libgfortran.so.5:
	libquadmath-8282.so.0 => not found
	libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f05)
/opt/p/pure.so:
	statically linked
"""


def test_a_listing_of_ldd_gives_each_library_once() -> None:
    found = closure.linked(LDD, {"libquadmath-8282.so.0"})
    assert found == {
        Path("/lib/x86_64-linux-gnu/libz.so.1"),
        Path("/lib64/ld-linux-x86-64.so.2"),
    }


def test_a_library_that_nobody_has_ends_the_build() -> None:
    with pytest.raises(ValueError, match=r"not on this system: libquadmath-8282\.so\.0"):
        closure.linked(LDD, set())


def test_a_file_is_copied_with_every_link_on_the_way(tmp_path: Path) -> None:
    system, root = tmp_path / "system", tmp_path / "root"
    (system / "usr/lib/deep").mkdir(parents=True)
    (system / "usr/lib/deep/libz.so.1.2").write_text("library")
    (system / "usr/lib/libz.so.1").symlink_to("../lib/deep/libz.so.1.2")
    (system / "lib").symlink_to("usr/lib")
    closure.place(system / "lib/libz.so.1", root)
    inside = root / system.relative_to("/")
    assert (inside / "lib").readlink() == Path("usr/lib")
    assert (inside / "usr/lib/libz.so.1").readlink() == Path("../lib/deep/libz.so.1.2")
    assert (inside / "lib/libz.so.1").read_text() == "library"
    closure.place(system / "usr/lib/deep/libz.so.1.2", root)  # again, by another name


def test_an_absolute_link_leads_to_the_same_place_in_the_image(tmp_path: Path) -> None:
    system, root = tmp_path / "system", tmp_path / "root"
    (system / "etc").mkdir(parents=True)
    (system / "etc/real").write_text("text")
    (system / "ssl").symlink_to(system / "etc")
    closure.place(system / "ssl/real", root)
    inside = root / system.relative_to("/")
    assert (inside / "ssl").readlink() == system / "etc"
    assert (inside / "etc/real").read_text() == "text"


def test_what_nothing_uses_is_cleared_and_the_rest_stays(tmp_path: Path) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    gone = ["numpy/tests/test_a.py", "numpy/a.pyi", "onnxruntime/capi/libonnxruntime.so.1"]
    stays = ["numpy/testing.py", "onnxruntime/capi/state.so", "latest/model.py"]
    for name in (*gone, *stays):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).touch()
    closure.clear(tmp_path)
    assert [name for name in (*gone, *stays) if (site / name).exists()] == stays
