"""Mean reversion from the lower Bollinger band."""

from pydantic import Field

from engine.core.indicators import bollinger
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class BollingerReversion(Strategy):
    """Buy a close below the lower band, leave at the middle.

    Textbook: J. Bollinger, Bollinger on Bollinger Bands (2001): bands `width` population deviations around the mean of
    `period` closes.
    """

    class Params(StrategyParams):
        period: int = Field(20, ge=2, le=400, description="bars in the mean")
        width: float = Field(2.0, gt=0, le=10, description="deviations between middle and band")

    def signals(self, bars: Bars) -> Signals:
        lower, middle, upper = bollinger(bars.close, self.params.period, self.params.width)
        below, back = bars.close < lower, bars.close >= middle
        return Signals(
            below.astype("int8"),
            back.astype(bool),
            plot={"lower": lower, "middle": middle, "upper": upper},
            checks={"below the lower band": below, "back at the middle": back},
        )
