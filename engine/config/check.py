"""What the schema cannot know: whether the strategies a configuration names exist and take the parameters it gives, and whether
the addresses in it may be called, and the map of sectors can be read.

Loads strategy files, a person's own code: before an engine starts, for `config check` and the form, and for an edit on the
watcher's thread; never on the loop's.
"""

from __future__ import annotations

from pydantic import ValidationError

from engine.config import sectors
from engine.config.errors import ConfigError, explain, nearest
from engine.config.model import Config
from engine.config.network import check_addresses
from engine.config.sections import SlotSection


def check_slots(config: Config, source: str = "config.toml") -> None:
    """ConfigError for an address that would not be called, a map of sectors that a limit needs and that cannot be read, and for
    the first slot whose strategy is unknown or whose parameters it refuses."""
    check_addresses(config, source)
    wrong = sectors.sectors()[1] if config.limits.per_sector else ""
    if wrong:
        raise ConfigError(f"{source}: limits.per_sector: {wrong}. Mend that file, or set per_sector = 0")
    for number, slot in enumerate(config.slots, 1):
        check_slot(slot, f"{source}: [[slots]] {number}")


def check_slot(slot: SlotSection, where: str) -> None:
    """ConfigError if its strategy is unknown or refuses its parameters; `where` begins the sentence."""
    from engine.strategies import catalog

    known = sorted(catalog.available())
    if slot.strategy not in known:
        close = nearest(slot.strategy, known)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(known)}"
        raise ConfigError(f"{where}: no strategy {slot.strategy!r} in engine/strategies or my/strategies; {hint}")
    strategy = catalog.load(slot.strategy)
    try:
        catalog.parameters(strategy, slot.params)
    except ValidationError as error:
        raise ConfigError(explain(error, strategy.Params, f"{where} params of {slot.strategy}")) from None
