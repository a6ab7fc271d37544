use std::collections::VecDeque;

use waygate_core::Timestamp;

use super::totals::{LENGTH, Sparse, Totals};

/// The number of minutes that are kept.
pub(crate) const MINUTES: usize = 60;

/// The facts about requests by minute, up to the last look. A minute without requests takes no memory.
#[derive(Debug, Default)]
pub(crate) struct History<const N: usize = LENGTH> {
    last: Totals<N>,
    minutes: VecDeque<Minute>,
}

#[derive(Debug)]
struct Minute {
    number: i64,
    counts: Sparse,
}

/// The number of a minute since 1970.
pub(crate) fn minute_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(60)
}

impl<const N: usize> History<N> {
    /// Notes the requests since the last look as those of a minute.
    pub(crate) fn look(&mut self, totals: Totals<N>, minute: i64) {
        if let Some(counts) = totals.since(&self.last).to_sparse() {
            self.minutes.push_back(Minute {
                number: minute,
                counts,
            });
        }
        self.last = totals;
        let oldest = minute - MINUTES as i64;
        // The wall clock may have been set back.
        self.minutes
            .retain(|kept| (oldest + 1..=minute).contains(&kept.number));
    }

    /// The traffic of each minute from `first` on that had any, oldest first. The last one is in progress.
    pub(crate) fn since(&self, first: i64, now: i64, totals: &Totals<N>) -> Vec<(i64, Totals<N>)> {
        let mut minutes: Vec<(i64, Totals<N>)> = Vec::new();
        let mut note = |number: i64, add: &dyn Fn(&mut Totals<N>)| match minutes.last_mut() {
            Some((last, counts)) if *last == number => add(counts),
            _ => {
                let mut counts = Totals::default();
                add(&mut counts);
                minutes.push((number, counts));
            }
        };
        for minute in &self.minutes {
            if (first..=now).contains(&minute.number) {
                note(minute.number, &|counts| counts.add_sparse(&minute.counts));
            }
        }
        let current = totals.since(&self.last);
        if current.to_sparse().is_some() {
            note(now, &|counts| counts.add(&current));
        }
        minutes
    }
}
