//! Moments and days, always in UTC.

use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;
use time::macros::format_description;

/// A calendar day.
pub type Date = time::Date;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// Earliest and latest moments with a four-digit year, as microseconds since 1970.
const FIRST: i64 = -62_135_596_800 * SECOND;
const LAST: i64 = 253_402_300_799 * SECOND + 999_999;

/// A moment, in microseconds since 1970-01-01T00:00:00Z; between the years 1 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment so many microseconds after 1970 began, moved into the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(FIRST, LAST))
    }

    /// Microseconds since 1970 began.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 began, as JWTs and TTL attributes count them.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Microseconds since the year 1 began: never negative, so that digits sort as moments do.
    pub fn ordinal(self) -> u64 {
        (self.0 - FIRST).unsigned_abs()
    }

    /// The moment of that [ordinal](Self::ordinal).
    pub fn from_ordinal(ordinal: u64) -> Self {
        Self::from_micros(FIRST.saturating_add_unsigned(ordinal))
    }

    /// This moment, so many seconds later (earlier if negative).
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_micros(self.0.saturating_add(seconds.saturating_mul(SECOND)))
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

    /// `2026-11-22T03:50:19.352702`: the same without a word of its zone, which is UTC.
    pub fn naive(self) -> String {
        self.rfc3339().trim_end_matches('Z').to_owned()
    }

    /// Reads an ISO 8601 date, or date and time with a `T` or a blank between them, with seconds and a fraction of one
    /// to six digits or without, and with `Z`, an offset, or nothing for UTC.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.get(10..) {
            None => return None,
            Some("") => (text, "00:00"),
            Some(rest) => (&text[..10], rest.strip_prefix(['T', 't', ' '])?),
        };
        // Ten characters with hyphens leave two digits for month and day.
        let date = parse_date(date).filter(|_| date.as_bytes()[4] == b'-')?;
        let (time, offset) = match time.find(['Z', 'z', '+', '-']) {
            None => (time, 0),
            Some(at) => (&time[..at], parse_offset(&time[at..])?),
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

/// Reads `YYYY-MM-DD`, also with one-digit months and days, and `YYYYMMDD`; nothing else is a day.
pub fn parse_date(text: &str) -> Option<Date> {
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

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff` with one to six digits of fraction.
fn parse_time(text: &str) -> Option<time::Time> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let micros = match fraction {
        None => 0,
        Some(digits) if (1..=6).contains(&digits.len()) => {
            digits_of(digits)? * 10_u32.pow(6 - u32::try_from(digits.len()).ok()?)
        }
        Some(_) => return None,
    };
    let pair = |part: &str| if part.len() == 2 { u8::try_from(digits_of(part)?).ok() } else { None };
    let (hour, minute, second) = match whole.split(':').collect::<Vec<_>>()[..] {
        [hour, minute] if fraction.is_none() => (pair(hour)?, pair(minute)?, 0),
        [hour, minute, second] => (pair(hour)?, pair(minute)?, pair(second)?),
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

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    pub fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::date_text(*date))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_date(&text).ok_or_else(|| D::Error::custom("no date"))
    }
}

/// For serde: a day as `YYYY-MM-DD`, or null.
pub(crate) mod optional_date {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Date;

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    pub fn serialize<S: Serializer>(date: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        match date {
            Some(date) => serializer.serialize_str(&super::date_text(*date)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| super::parse_date(&text).ok_or_else(|| D::Error::custom("no date")))
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
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::rfc3339_short).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2021-13-01T00:00:00Z",
            "2021-02-30",
            "20210203",
            "2021-2-3",
            "2021-02-03T",
            "2021-02-03T4:05",
            "2021-02-03T04:05:06.1234567",
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
        for text in [
            "",
            "yesterday",
            "2001-02-30",
            "2001-02-03T00:00:00Z",
            "01-02-03",
            "0000-01-01",
            "2001-1-",
            "+200-1-1",
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
