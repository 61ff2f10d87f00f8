# What the consensus core uses of Cython's pure-Python mode; the package itself comes without types for it.
import builtins
from collections.abc import Callable
from typing import TypeAlias, TypeVar

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., object])

bint: TypeAlias = builtins.bool
int: TypeAlias = builtins.int
longlong: TypeAlias = builtins.int
compiled: bool

def cclass(cls: type[_T], /) -> type[_T]: ...
def cfunc(function: _F, /) -> _F: ...
