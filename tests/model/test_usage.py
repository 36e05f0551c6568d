"""Calendar months, in UTC."""

import calendar
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.usage import end_of_month, month_of


@given(st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_a_month_ends_where_the_next_begins(moment: datetime) -> None:
    end = end_of_month(moment.timestamp())
    assert moment.timestamp() < end
    after = datetime.fromtimestamp(end, UTC)
    assert (after.day, after.hour, after.minute, after.second) == (1, 0, 0, 0)
    assert month_of(end - 1.0) == month_of(moment.timestamp()) != month_of(end)
    assert after - timedelta(days=calendar.monthrange(moment.year, moment.month)[1]) <= moment
