import pytest

from bundle.leave_out import unneeded


@pytest.mark.parametrize(
    "path",
    ["os.py", "json/decoder.py", "encodings/cp1252.py", "wsgiref/simple_server.py", "importlib/metadata/__init__.py"],
)
def test_the_standard_library_that_services_use_is_in(path: str) -> None:
    assert not unneeded(path, python="3.13", standard_library=True)


@pytest.mark.parametrize(
    "path", ["test/test_os.py", "test/support/__init__.py", "tkinter/ttk.py", "json/__pycache__/tool.cpython-313.pyc"]
)
def test_tests_windows_and_what_the_build_compiled_are_out(path: str) -> None:
    assert unneeded(path, python="3.13", standard_library=True)


@pytest.mark.parametrize(
    "path", ["lark/grammars/common.lark", "msgspec-0.22.0.dist-info/METADATA", "test/of_a_package.py", "re2/_re2.so"]
)
def test_of_a_dependency_all_that_it_reads_is_in(path: str) -> None:
    assert not unneeded(path, python="3.13", standard_library=False)


@pytest.mark.parametrize("path", ["aiokafka/record/_crecords/cutil.c", "msgspec/py.typed", "x.dist-info/RECORD"])
def test_what_only_compilers_checkers_and_pip_read_is_out(path: str) -> None:
    assert unneeded(path, python="3.13", standard_library=False)


def test_of_one_library_per_python_only_ours_is_in() -> None:
    libraries = [f"chdb/libpybind11nonlimitedapi_chdb_3.{minor}.so" for minor in (9, 13, 14)]
    assert [unneeded(one, python="3.13", standard_library=False) for one in libraries] == [True, False, True]
