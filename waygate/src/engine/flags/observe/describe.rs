use waygate_core::{
    Timestamp,
    flag::{Flag, lifecycle},
};

use super::{
    facts::FlagFacts,
    history::History,
    usage::{FlagUsage, ReasonUsage, VariationUsage},
};

impl FlagFacts {
    pub(super) fn usage(&self, flag: &Flag, now: Timestamp) -> Option<FlagUsage> {
        self.with_history(&flag.key, |history| {
            history.look(now);
            self.describe(flag, history, now)
        })
    }

    fn describe(&self, flag: &Flag, history: &mut History, now: Timestamp) -> FlagUsage {
        let totals = history.totals();
        let mut activity = history.activity();
        activity.observed_since = Some(self.since());
        let variations = history.names().enumerate();
        let variations = variations
            .filter(|(_, name)| flag.variation(name).is_some())
            .map(|(place, name)| {
                let (exposures, conversions) = self.exposures.of(&flag.key, name);
                let counts = totals.variations.get(place).copied().unwrap_or_default();
                let known = history.reasons(place);
                let reasons = counts.iter();
                VariationUsage {
                    name: name.to_owned(),
                    evaluations: counts.total(),
                    reasons: reasons
                        .filter(|(reason, count)| *count > 0 || known.contains(reason))
                        .map(|(reason, evaluations)| ReasonUsage {
                            reason,
                            evaluations,
                        })
                        .collect(),
                    per_minute: history.per_minute(place, now),
                    exposures,
                    conversions,
                }
            });
        FlagUsage {
            key: flag.key.clone(),
            evaluations: totals.evaluations(),
            errors: totals.errors,
            defaults: totals.defaults,
            variations: variations.collect(),
            last_evaluated: activity.last_evaluated,
            same_variation_since: activity.same_variation_since,
            lifecycle: lifecycle(flag, activity, self.rules(), now),
        }
    }
}
