"""What a team holds its model to in the monthly health report: the part ``monthly_health`` of policy.yaml."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal

from afterlaunch.baselines import UsualRangePolicy
from afterlaunch.errors import ParameterError, did_you_mean
from afterlaunch.ranges import Range
from afterlaunch.segments import SegmentPolicy


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndicatorPolicy:
    """What one indicator is held to.

    Parameters
    ----------
    target : Range, optional
        Without one, the indicator is held against its usual range only.
    min_n : int
        Rows it must rest on to be judged.
    owner, question : str
        Who decides, and what, when it is not ``ok``.
    limits : {"xmr", "laney"}
        How its usual range is made: from the months' values alone, or, for a rate whose months differ much in size,
        by Laney's method.
    """

    target: Range | None = None
    min_n: int = 0
    limits: Literal["xmr", "laney"] = "xmr"
    owner: str = ""
    question: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HealthPolicy:
    """Targets, owners and questions by indicator, and how far back the usual range looks.

    Parameters
    ----------
    usual_range : UsualRangePolicy
        Which months usual ranges rest on.
    main_model_measure, main_kpi : str
        The two indicators that are held against each other ("the model got better, the business did not").
    """

    usual_range: UsualRangePolicy = dataclasses.field(default_factory=UsualRangePolicy)
    main_model_measure: str = "model.roc_auc"
    main_kpi: str = ""
    indicators: Mapping[str, IndicatorPolicy] = dataclasses.field(default_factory=dict)
    segments: SegmentPolicy = dataclasses.field(default_factory=SegmentPolicy)

    def check_names(self, known: Iterable[str]) -> None:
        """Refuse names of indicators that the report does not have.

        Raises
        ------
        ParameterError
            With every such name and the closest one there is.
        """
        names = tuple(known)
        used = [*self.indicators, self.main_model_measure, *([self.main_kpi] if self.main_kpi else [])]
        used += [code for baseline in self.usual_range.baselines for code in baseline.indicators]
        wrong = [name for name in dict.fromkeys(used) if name not in names]
        if wrong:
            lines = [f"  {name!r} is not an indicator.{did_you_mean(name, names)}" for name in wrong]
            raise ParameterError(
                "\n".join(
                    [
                        "policy.yaml names indicators that do not exist:",
                        *lines,
                        f"There are: {', '.join(names)}.",
                    ]
                )
            )
