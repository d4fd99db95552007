//! Timestamps and days, always in UTC.

use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;
use time::macros::format_description;

/// A calendar day.
pub type Date = time::Date;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// The first and last timestamps with a four-digit year, in microseconds since 1970.
const FIRST: i64 = -62_135_596_800 * SECOND;
const LAST: i64 = 253_402_300_799 * SECOND + 999_999;

/// A timestamp, in microseconds since 1970-01-01T00:00:00Z; between the years 1 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The timestamp for microseconds since 1970, clamped to the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(FIRST, LAST))
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, as in JWTs and TTL attributes.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Microseconds since the year 1: never negative, so that its digits sort by time.
    pub fn ordinal(self) -> u64 {
        (self.0 - FIRST).unsigned_abs()
    }

    /// The timestamp with that [ordinal](Self::ordinal).
    pub fn from_ordinal(ordinal: u64) -> Self {
        Self::from_micros(FIRST.saturating_add_unsigned(ordinal))
    }

    /// This timestamp plus some seconds (may be negative).
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_micros(self.0.saturating_add(seconds.saturating_mul(SECOND)))
    }

    /// The end of a day: the beginning of the next one.
    pub fn end_of(day: Date) -> Self {
        let next = day.next_day().unwrap_or(day).midnight().assume_utc();
        Self::from_micros(next.unix_timestamp().saturating_mul(SECOND))
    }

    /// The day it falls on.
    pub fn date(self) -> Date {
        self.civil().date()
    }

    /// The year it falls in.
    pub fn year(self) -> i32 {
        self.civil().year()
    }

    /// `2026-11-22T03:50:19.352702Z`, always with six digits of fraction.
    pub fn rfc3339(self) -> String {
        let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
        self.civil().format(&shape).unwrap_or_default()
    }

    /// `2026-11-22T03:50:19.352702Z`, or `2026-11-22T03:50:19Z` on a full second.
    pub fn rfc3339_short(self) -> String {
        self.rfc3339().replace(".000000Z", "Z")
    }

    /// `2026-11-22T03:50:19.352702`: the same without a zone (it is UTC).
    pub fn naive(self) -> String {
        self.rfc3339().trim_end_matches('Z').to_owned()
    }

    /// Reads an ISO 8601 date, or date and time with a `T` or a blank between them, as Django and Python do.
    ///
    /// The date is `2021-02-03`, `20210203` or a day of a week, `2021-W05-3`; the time has hours, minutes and seconds with
    /// colons or without, of which the last may be missing, and a fraction after a dot or a comma, whose digits beyond the
    /// sixth are cut; then comes `Z`, an offset, or nothing for UTC. One-digit numbers need their hyphens and colons.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', 't', ' ']) {
            None => (text, None),
            Some((date, time)) => (date, Some(time)),
        };
        // A date alone has two digits for month and day.
        let has_pairs = date.len() == if date.contains('-') { 10 } else { 8 };
        let day = || parse_day_of_month(date).filter(|_| has_pairs || time.is_some());
        let date = parse_day_of_week(date).or_else(day)?;
        let time = time.unwrap_or("00:00");
        let (time, offset) = match time.find(['Z', 'z', '+', '-']) {
            None => (time, 0),
            // Before a zone there may be blanks.
            Some(at) => (time[..at].trim_ascii_end(), parse_offset(&time[at..])?),
        };
        let time = parse_time(time)?;
        let seconds = time::PrimitiveDateTime::new(date, time).assume_utc();
        let micros = i64::try_from(seconds.unix_timestamp_nanos() / 1000).ok()?;
        let utc = micros - offset * SECOND;
        (FIRST..=LAST).contains(&utc).then_some(Self(utc))
    }

    fn civil(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl From<i64> for Timestamp {
    fn from(micros: i64) -> Self {
        Self::from_micros(micros)
    }
}

impl From<Timestamp> for i64 {
    fn from(moment: Timestamp) -> Self {
        moment.0
    }
}

/// Reads `YYYY-MM-DD`, also with one-digit months and days, `YYYYMMDD`, and days of weeks such as `2021-W05-3`; nothing else
/// is a day.
pub fn parse_date(text: &str) -> Option<Date> {
    parse_day_of_week(text).or_else(|| parse_day_of_month(text))
}

/// `YYYY-MM-DD`, also with one-digit months and days, or `YYYYMMDD`.
fn parse_day_of_month(text: &str) -> Option<Date> {
    let digits = |part: &str, longest: usize| {
        ((1..=longest).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<u16>().ok())
            .flatten()
    };
    let (year, month, day) = match text.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] if year.len() == 4 => (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?),
        [all] if all.len() == 8 && all.is_ascii() => {
            (digits(&all[..4], 4)?, digits(&all[4..6], 2)?, digits(&all[6..], 2)?)
        }
        _ => return None,
    };
    if year == 0 {
        return None;
    }
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()
}

/// `YYYY-Www-D` or `YYYYWwwD`; without a day, the Monday.
fn parse_day_of_week(text: &str) -> Option<Date> {
    let (year, rest) = text.split_once('W')?;
    let (year, rest, hyphen) = match year.strip_suffix('-') {
        Some(year) => (year, rest, "-"),
        None => (year, rest, ""),
    };
    let (week, day) = rest.split_at_checked(2)?;
    let day = if day.is_empty() { "1" } else { day.strip_prefix(hyphen)? };
    if year.len() != 4 || day.len() != 1 {
        return None;
    }
    let year = i32::try_from(digits_of(year)?).ok().filter(|year| *year > 0)?;
    let day = u8::try_from(digits_of(day)?).ok().filter(|day| (1..=7).contains(day))?;
    let day = time::Weekday::Monday.nth_next(day - 1);
    Date::from_iso_week_date(year, u8::try_from(digits_of(week)?).ok()?, day).ok()
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`, also with one-digit numbers or with a comma; `HH`, `HHMM`, `HHMMSS` or `HHMMSS.ffffff`.
fn parse_time(text: &str) -> Option<time::Time> {
    let (whole, fraction) = text.split_once(['.', ',']).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let micros = match fraction {
        None => 0,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            let kept = &digits[..digits.len().min(6)];
            digits_of(kept)? * 10_u32.pow(6 - u32::try_from(kept.len()).ok()?)
        }
        Some(_) => return None,
    };
    let number = |part: &str| if (1..=2).contains(&part.len()) { u8::try_from(digits_of(part)?).ok() } else { None };
    let (hour, minute, second) = match whole.split(':').collect::<Vec<_>>()[..] {
        [all] if all.is_ascii() && all.len().is_multiple_of(2) && (2..=6).contains(&all.len()) => {
            let pair = |at: usize| all.get(at..at + 2).map_or(Some(0), number);
            if fraction.is_some() && all.len() < 6 {
                return None;
            }
            (pair(0)?, pair(2)?, pair(4)?)
        }
        [hour, minute] if fraction.is_none() => (number(hour)?, number(minute)?, 0),
        [hour, minute, second] => (number(hour)?, number(minute)?, number(second)?),
        _ => return None,
    };
    time::Time::from_hms_micro(hour, minute, second, micros).ok()
}

/// `Z`, `+HH:MM`, `+HHMM` or `+HH`, in seconds east of Greenwich.
fn parse_offset(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits.replacen(':', "", 1)),
        ("-", digits) => (-1, digits.replacen(':', "", 1)),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits_of(&digits)?, 0),
        4 => (digits_of(digits.get(..2)?)?, digits_of(digits.get(2..)?)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

fn digits_of(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `YYYY-MM-DD`.
pub fn date_text(date: Date) -> String {
    date.format(&Iso8601::DATE).unwrap_or_default()
}

/// For serde: a day as `YYYY-MM-DD`.
pub(crate) mod plain_date {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Date;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
    pub fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::date_text(*date))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_date(&text).ok_or_else(|| D::Error::custom("not a valid date"))
    }
}

/// For serde: a day as `YYYY-MM-DD`, or null.
pub(crate) mod optional_date {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Date;

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
    pub fn serialize<S: Serializer>(date: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        match date {
            Some(date) => serializer.serialize_str(&super::date_text(*date)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| super::parse_date(&text).ok_or_else(|| D::Error::custom("not a valid date")))
            .transpose()
    }
}

#[cfg(test)]
mod moments {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_read_in_all_their_forms() {
        for (text, expected) in [
            ("2021-02-03", "2021-02-03T00:00:00Z"),
            ("2021-02-03T04:05", "2021-02-03T04:05:00Z"),
            ("2021-02-03 04:05:06", "2021-02-03T04:05:06Z"),
            ("2021-02-03T04:05:06.5Z", "2021-02-03T04:05:06.500000Z"),
            ("2021-02-03T04:05:06.123456+02:00", "2021-02-03T02:05:06.123456Z"),
            ("2021-02-03T04:05:06-0130", "2021-02-03T05:35:06Z"),
            ("2020-01-01T00:00:00+14", "2019-12-31T10:00:00Z"),
            // .NET and PowerShell write seven digits.
            ("2021-02-03T04:05:06.1234567Z", "2021-02-03T04:05:06.123456Z"),
            ("2021-02-03T04:05:06.9999999", "2021-02-03T04:05:06.999999Z"),
            ("2021-02-03T04:05:06.123456789+01:00", "2021-02-03T03:05:06.123456Z"),
            ("2021-02-03T04:05:06,5Z", "2021-02-03T04:05:06.500000Z"),
            ("2021-2-3T4:05:06Z", "2021-02-03T04:05:06Z"),
            ("2021-2-3 4:5", "2021-02-03T04:05:00Z"),
            ("2021-02-03T04:05:06 Z", "2021-02-03T04:05:06Z"),
            ("2021-02-03T04:05:06  +01:00", "2021-02-03T03:05:06Z"),
            ("20210203T040506Z", "2021-02-03T04:05:06Z"),
            ("20210203T040506.25+0100", "2021-02-03T03:05:06.250000Z"),
            ("20210203T0405", "2021-02-03T04:05:00Z"),
            ("20210203", "2021-02-03T00:00:00Z"),
            ("2021-02-03T04Z", "2021-02-03T04:00:00Z"),
            ("2021-02-03 040506", "2021-02-03T04:05:06Z"),
            ("2021-W05-3T04:05", "2021-02-03T04:05:00Z"),
            ("2021W053", "2021-02-03T00:00:00Z"),
            ("2021-W05", "2021-02-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::rfc3339_short).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2021-13-01T00:00:00Z",
            "2021-02-30",
            "2021-2-3",
            "2021-02-3",
            "2021-02",
            "2021-02-03T",
            "2021-02-03TZ",
            "2021-02-03T4",
            "2021-02-03T040",
            "2021-02-03T04050",
            "2021-02-03T0405.5",
            "2021-02-03T04:05:06.x",
            "2021-02-03T04:05:06.1234567x",
            "2021-02-03T04:05:06 UTC",
            "2021-02-03T04:05:06 GMT+1",
            "2021-W54-1",
            "2021-W05-8",
            "2021-W5-1",
            "2021W05-3",
            "1612325106",
            "2021-02-03T04:05.5",
            "2021-02-03T24:00",
            "2021-02-03T04:05:60",
            "2021-02-03X04:05",
            "2021-02-03T04:05+",
            "2021-02-03T04:05+25:00",
            "0001-01-01T00:00:00+01:00",
            "éééééé",
            "2021-02-03T04:05ZZ",
            "2021-02-03T04:05:06.+01",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(micros in FIRST..=LAST) {
            let moment = Timestamp(micros);
            prop_assert_eq!(Timestamp::parse(&moment.rfc3339()), Some(moment));
            prop_assert_eq!(Timestamp::parse(&moment.rfc3339_short()), Some(moment));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,40}", near in "[0-9T:.Z+ -]{0,40}") {
            let _ = (Timestamp::parse(&text), Timestamp::parse(&near));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moment_reads_with_six_digits() {
        assert_eq!(Timestamp::from_micros(0).rfc3339(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from_micros(1_763_783_419_352_702).rfc3339(), "2025-11-22T03:50:19.352702Z");
    }

    #[test]
    fn moments_outside_four_digit_years_are_moved_inside() {
        assert_eq!(Timestamp::from_micros(i64::MIN).rfc3339(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from_micros(i64::MAX).year(), 9999);
        assert_eq!(Timestamp::from_micros(i64::MIN).ordinal(), 0);
    }

    #[test]
    fn days_are_read_as_the_contract_says() {
        for text in ["2000-02-29", "2000-2-29", "20000229"] {
            assert_eq!(parse_date(text).map(date_text).as_deref(), Some("2000-02-29"));
        }
        for (text, expected) in [("2099-W05-3", "2099-01-28"), ("2099W053", "2099-01-28"), ("2099-W05", "2099-01-26")] {
            assert_eq!(parse_date(text).map(date_text).as_deref(), Some(expected));
        }
        for text in [
            "",
            "yesterday",
            "2001-02-30",
            "2001-02-03T00:00:00Z",
            "01-02-03",
            "0000-01-01",
            "2001-1-",
            "+200-1-1",
            "2099-W54-1",
            "2099-W05-0",
            "2099-w05-3",
            "0000-W05-3",
            "9999-W52-7",
            "２０００-1-1",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn ordinals_sort_as_moments_do(a: i64, b: i64) {
            let (a, b) = (Timestamp::from_micros(a), Timestamp::from_micros(b));
            prop_assert_eq!(a.cmp(&b), a.ordinal().cmp(&b.ordinal()));
        }

        #[test]
        fn no_text_makes_the_date_parser_panic(text: String) {
            parse_date(&text);
        }
    }
}
