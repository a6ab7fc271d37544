//! Refunds, and charges after the fact. They convert no counter to another rule.

use waygate_core::limit::{Charged, Counter, Quota, quota::Nanos};

use super::{Cell, Limit, Log, Packed, State};
use crate::counters::expiry::Expiry;

impl Packed {
    /// Updates the state after a change other than a request.
    #[inline]
    fn settle(&mut self, quota: Quota, counter: Counter, now: Nanos) {
        let left = quota.charge(Some(counter), 0, now).1.remaining;
        self.set(quota, counter, left > 0);
    }

    /// Returns `true` if this quota, or one that differs only in its capacity, has counted the usage.
    fn is_of(&self, quota: Quota) -> bool {
        let counter = Counter::unpack(self.tag, self.words);
        // The length of a window shows in its expiry.
        quota.may_have_counted(counter)
            && (!matches!(counter, Counter::Window { .. })
                || self.expiry == Expiry::at(quota.spent_at(counter)))
    }

    /// Charges units after the fact, by the rule that has counted the usage.
    #[cold]
    fn charge_as_counted(&mut self, units: u64, now: Nanos) {
        let counter = Counter::unpack(self.tag, self.words).charged(units, now);
        (self.tag, self.words) = counter.pack();
        self.expiry = self.expiry.max(Expiry::at(counter.spent_at()));
    }
}

impl Log {
    /// Charges units after the fact. They count as long as the other requests, or for `period` if there are none.
    fn charge_as_counted(&mut self, units: u64, period: Nanos, now: Nanos) {
        let length = match self.hits.used() == 0 || self.expiry.is_past(now) {
            true => period.saturating_add(1),
            false => self.expiry.nanos().saturating_sub(self.hits.spent_at(0)),
        };
        self.hits
            .adjust(-i64::try_from(units).unwrap_or(i64::MAX), now);
        self.expiry = self.expiry.max(Expiry::at(self.hits.spent_at(length)));
    }

    /// Updates the state after a change other than a request. No request is forgotten: a longer period may count it.
    fn settle(&mut self, capacity: u64) {
        self.standing = self.standing.after(self.hits.used() < capacity);
    }
}

impl Cell {
    /// Returns `true` if usage still counts by a rule that differs from this one in more than its capacity. A log has
    /// the time of each request, and serves every moving window.
    fn is_of_another(&self, limit: Limit, now: Nanos) -> bool {
        !self.expiry().is_past(now)
            && match (limit, &self.state) {
                (Limit::Quota(quota), State::Packed(packed)) => !packed.is_of(quota),
                (Limit::Quota(_), State::Log(log)) => log.hits.used() > 0,
                (Limit::Moving { .. }, State::Log(_)) => false,
                (Limit::Moving { .. }, State::Packed(_)) => true,
            }
    }

    /// Refunds units, or charges them if `units` is negative. A counter of another rule keeps that rule: it gets no
    /// refund, and is charged the units.
    pub(in crate::counters) fn adjust(&mut self, limit: Limit, units: i64, now: Nanos) {
        let charged = units.unsigned_abs();
        if self.is_of_another(limit, now) {
            match &mut self.state {
                _ if units >= 0 => {}
                State::Packed(packed) => packed.charge_as_counted(charged, now),
                State::Log(log) => log.charge_as_counted(charged, 0, now),
            }
            return;
        }
        match limit {
            Limit::Quota(quota) => {
                let mut packed = self.to_packed(now);
                let counter = packed.counter(now);
                let counter = counter.unwrap_or_else(|| quota.charge(None, 0, now).0);
                packed.settle(quota, quota.adjust(counter, units, now), now);
                self.state = State::Packed(packed);
            }
            Limit::Moving { capacity, period } => self.change_log(now, |log| {
                match units {
                    0.. => log.hits.adjust(units, now),
                    _ => log.charge_as_counted(charged, period, now),
                }
                log.settle(capacity);
            }),
        }
    }

    /// Refunds earlier units, unless another rule has counted them. Returns `true` if it was this rule.
    pub(in crate::counters) fn refund(
        &mut self,
        limit: Limit,
        units: u64,
        charged: Charged,
        now: Nanos,
    ) -> bool {
        if self.is_of_another(limit, now) {
            return false;
        }
        match (limit, &mut self.state) {
            (Limit::Quota(quota), State::Packed(packed)) => {
                if let Some(counter) = packed.counter(now) {
                    packed.settle(quota, quota.refund(counter, units, charged, now), now);
                }
            }
            (Limit::Moving { capacity, .. }, State::Log(log)) => {
                log.hits.refund(units, charged.at);
                log.settle(capacity);
            }
            // Expired.
            _ => {}
        }
        true
    }
}
