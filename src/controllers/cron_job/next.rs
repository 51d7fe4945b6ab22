//! When a schedule is due next.
//!
//! The search is that of the `robfig/cron` library, daylight saving time included: fields are
//! advanced from the month down to the second in absolute time, so that an hour which a change
//! skips is skipped and one which comes twice is due twice, unless the schedule names the hour.

use super::schedule::{Fields, Rule, STAR, Schedule};
use super::wall::{Civil, WallTime, Zone};

/// How many years ahead a time is looked for.
const YEARS: i64 = 5;

impl Schedule {
    /// The first time it is due after `after`; `None` if there is none within five years.
    #[must_use]
    pub fn next(&self, after: WallTime) -> Option<WallTime> {
        let next = self.next_or_none(after);
        (next != WallTime::NONE).then_some(next)
    }

    /// Like [`Schedule::next`], with [`WallTime::NONE`] for none.
    #[must_use]
    pub(super) fn next_or_none(&self, after: WallTime) -> WallTime {
        let whole = after.plus_nanos(-after.subsec_nanos());
        match self.rule {
            Rule::Every(secs) => whole.plus_secs(secs),
            Rule::At(fields) => Search::new(fields, &self.zone, whole.plus_secs(1)).run(),
        }
    }
}

/// One search.
struct Search<'a> {
    fields: Fields,
    zone: &'a Zone,
    at: WallTime,
    /// Smaller fields have been set to their first value.
    reset: bool,
}

/// What a step came to.
enum Step {
    /// The field fits.
    Fits,
    /// A larger field changed: all are looked at again.
    Wrapped,
}

impl<'a> Search<'a> {
    fn new(fields: Fields, zone: &'a Zone, at: WallTime) -> Self {
        Self { fields, zone, at, reset: false }
    }

    fn civil(&self) -> Civil {
        self.zone.civil(self.at)
    }

    /// Sets what is shown, once, as the first step of the search.
    fn reset_to(&mut self, civil: Civil) {
        if !self.reset {
            self.reset = true;
            self.at = self.zone.instant(civil);
        }
    }

    fn run(mut self) -> WallTime {
        let last_year = self.civil().year + YEARS;
        let steps = [Self::month, Self::day, Self::hour, Self::minute, Self::second];
        loop {
            if self.civil().year > last_year {
                return WallTime::NONE;
            }
            if steps.iter().all(|step| matches!(step(&mut self), Step::Fits)) {
                return self.at;
            }
        }
    }

    fn month(&mut self) -> Step {
        while !has(self.fields.month, self.civil().month) {
            let first = Civil { day: 1, hour: 0, minute: 0, second: 0, ..self.civil() };
            self.reset_to(first);
            let shown = self.civil();
            self.at = self.zone.instant(Civil { month: shown.month + 1, ..shown });
            if self.civil().month == 1 {
                return Step::Wrapped;
            }
        }
        Step::Fits
    }

    fn day(&mut self) -> Step {
        while !self.day_fits() {
            let midnight = Civil { hour: 0, minute: 0, second: 0, ..self.civil() };
            self.reset_to(midnight);
            let shown = self.civil();
            self.at = self.zone.instant(Civil { day: shown.day + 1, ..shown });
            // A change of the clock may have moved it off midnight.
            let hour = self.civil().hour;
            if hour != 0 {
                let hours = if hour > 12 { 24 - hour } else { -hour };
                self.at = self.at.plus_secs(hours * 3600);
            }
            if self.civil().day == 1 {
                return Step::Wrapped;
            }
        }
        Step::Fits
    }

    /// Both days have to fit; if neither was written `*`, one of them is enough.
    fn day_fits(&self) -> bool {
        let civil = self.civil();
        let day = has(self.fields.day, civil.day);
        let weekday = has(self.fields.weekday, civil.weekday);
        if (self.fields.day | self.fields.weekday) & STAR != 0 {
            day && weekday
        } else {
            day || weekday
        }
    }

    fn hour(&mut self) -> Step {
        while !has(self.fields.hour, self.civil().hour) {
            let whole = Civil { minute: 0, second: 0, ..self.civil() };
            self.reset_to(whole);
            self.at = self.at.plus_secs(3600);
            if self.civil().hour == 0 {
                return Step::Wrapped;
            }
        }
        Step::Fits
    }

    fn minute(&mut self) -> Step {
        while !has(self.fields.minute, self.civil().minute) {
            if !self.reset {
                self.reset = true;
                self.at = WallTime::from_secs(self.at.secs().div_euclid(60) * 60);
            }
            self.at = self.at.plus_secs(60);
            if self.civil().minute == 0 {
                return Step::Wrapped;
            }
        }
        Step::Fits
    }

    /// Due at second 0.
    fn second(&mut self) -> Step {
        let second = self.civil().second;
        if second == 0 {
            return Step::Fits;
        }
        self.reset = true;
        self.at = self.at.plus_secs(60 - second);
        Step::Wrapped
    }
}

fn has(field: u64, value: i64) -> bool {
    field >> value & 1 == 1
}
