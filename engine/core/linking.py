"""How helpers reach machine code: inside the entries that use them, once. It keeps a cold start under ten seconds.

Left alone, numba optimises every helper together with all it calls and makes machine code of it, and does both again for
each caller and for the entry that inlines the lot: two fifths of a cold start, for code that nobody calls. Here a helper
stops at LLVM's intermediate form; an entry takes in each helper below it once, and is optimised and compiled as a whole.

This is numba's own extension point (`pipeline_class`) and three of its internal classes; numba's version is pinned. No
rule of trading is in this file.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder

# What these look for (closures, `with`, loops over tuples of types, calls of functions to be inlined in numba's own form,
# array expressions) is in no helper; each costs a walk over the whole function.
_IDLE = frozenset(
    {
        "WithLifting",
        "InlineClosureLikes",
        "RewriteSemanticConstants",
        "DeadBranchPrune",
        "MakeFunctionToJitFunction",
        "InlineInlinables",
        "LiteralUnroll",
        "LiteralPropagationSubPipelinePass",
        "InlineOverloads",
        "NopythonRewrites",
    }
)


class _NoMachineCode:
    """Stands where numba would tell the machine code of a helper its environment: there is none."""

    @staticmethod
    def set_env(name: str, environment: object) -> None:
        return


class HelperLibrary(JITCodeLibrary):
    """A helper's intermediate code alone, and which helpers it calls."""

    @property
    def codegen(self) -> Any:
        return _NoMachineCode

    def add_llvm_module(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout
        self._final_module.link_in(ll_module)

    def finalize(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    def parts(self) -> dict[Any, None]:
        """The code of this helper and of all below it, each once, in an order that never changes."""
        found: dict[Any, None] = {_Part(self): None}
        for library in self._linking_libraries:
            found.update(library.parts() if isinstance(library, HelperLibrary) else {library: None})
        return found

    def own_module(self) -> Any:
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        """For callers that numba compiles its own way (a plain `njit`): this helper's code with all below it."""
        module = self.own_module().clone()
        for part in self.parts():
            if part != _Part(self):
                module.link_in(part._get_module_for_linking(), preserve=True)
        return module


@dataclass(frozen=True)
class _Part:
    """A helper as an entry links it: its own code, without what lies below."""

    library: HelperLibrary

    @property
    def _reload_init(self) -> Any:
        return self.library._reload_init

    def _ensure_finalized(self) -> None:
        self.library._ensure_finalized()

    def _get_module_for_linking(self) -> Any:
        return self.library.own_module()


class EntryLibrary(JITCodeLibrary):
    """An entry's code with every helper below it, once."""

    def add_linking_library(self, library: Any) -> None:
        for part in library.parts() if isinstance(library, HelperLibrary) else (library,):
            if part not in self._linking_libraries:
                super().add_linking_library(part)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Compiling makes millions of objects that stay until its end: looking for garbage among them takes a tenth of it."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


class _Compiler(CompilerBase):
    library_class: type[JITCodeLibrary]
    idle: frozenset[str] = frozenset()

    def compile_extra(self, func: Any) -> Any:
        self.state.library = self.library_class(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        with _no_collection():
            return super().compile_extra(func)

    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [one for one in passes.passes if getattr(one[0], "__name__", "") not in self.idle]
        passes.finalize()
        return [passes]


class HelperCompiler(_Compiler):
    """For functions that compiled code alone calls, and that make no arrays."""

    library_class = HelperLibrary
    idle = _IDLE


class EntryCompiler(_Compiler):
    """For functions that Python calls, and that make no arrays."""

    library_class = EntryLibrary
    idle = _IDLE


class MakerCompiler(_Compiler):
    """For functions that Python calls and that make arrays: numba's full sequence of passes."""

    library_class = EntryLibrary
