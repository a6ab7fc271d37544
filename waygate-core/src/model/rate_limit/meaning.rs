use super::RateLimitPolicy;
use crate::grammar::{Algorithm, KeyPart, KeySource, Period, Rate, TierLimit, Unit};

impl RateLimitPolicy {
    /// What the policy does, in words.
    ///
    /// ```
    /// # use waygate_core::model::RateLimitPolicy;
    /// let mut policy = RateLimitPolicy::new("100/minute".parse()?)?;
    /// assert_eq!(policy.meaning(), "at most 100 in a minute from the first on, for each client address");
    /// policy.algorithm = waygate_core::grammar::Algorithm::TokenBucket;
    /// policy.burst = 20;
    /// assert_eq!(policy.meaning(), "20 at once, and 100 per minute in the long run, for each client address");
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    pub fn meaning(&self) -> String {
        let own = self.rates(&self.limit).map(|rate| self.rate_in_words(rate));
        let mut words = own.collect::<Vec<_>>().join("; ");
        words.push_str(", ");
        words.push_str(&key_in_words(&self.key));
        for tier in &self.tiers {
            let limit = match &tier.limit {
                TierLimit::Unlimited => "no limit".to_owned(),
                TierLimit::Limited(limit) => {
                    let rates = self.rates(limit).map(|rate| self.rate_in_words(rate));
                    rates.collect::<Vec<_>>().join("; ")
                }
            };
            words.push_str(&format!("; {}: {limit}", tier.name));
        }
        match (self.cost.get(), self.check_cost()) {
            (1, Ok(())) => {}
            (cost, Ok(())) => words.push_str(&format!("; each request costs {cost}")),
            (cost, Err(invalid)) => {
                let problem = invalid.problem();
                words.push_str(&format!("; each request costs {cost}: {problem}"));
            }
        }
        if self.include_force_active {
            words.push_str("; force-active routes as well");
        }
        words
    }

    fn rate_in_words(&self, rate: Rate) -> String {
        let (amount, period) = (rate.amount(), rate.period());
        let capacity = amount.saturating_add(rate.burst().unwrap_or(0));
        let article = match period {
            Period::Rolling {
                count: 1,
                unit: Unit::Hour,
            } => "an ",
            Period::Rolling { count: 1, .. } => "a ",
            _ => "",
        };
        match (self.algorithm, period) {
            (_, Period::Calendar(_)) => {
                format!("at most {capacity} per {period} ({})", self.time_zone)
            }
            (Algorithm::FixedWindow, _) => {
                format!("at most {capacity} in {article}{period} from the first on")
            }
            (Algorithm::SlidingWindow, _) => format!("at most about {capacity} in any {period}"),
            (Algorithm::MovingWindow, _) => format!("at most {capacity} in any {period}"),
            (Algorithm::TokenBucket, _) => {
                let depth = rate.burst().unwrap_or(amount);
                format!("{depth} at once, and {amount} per {period} in the long run")
            }
        }
    }
}

/// What has a counter of its own, as it follows a comma.
pub(in crate::model) fn key_in_words(key: &KeySource) -> String {
    let KeySource::Parts(parts) = key else {
        return "for each key that the code tells".to_owned();
    };
    let parts = parts.iter().map(|part| match part {
        KeyPart::Ip => "client address".to_owned(),
        KeyPart::User => "user".to_owned(),
        KeyPart::ApiKey => "API key".to_owned(),
        KeyPart::Global => String::new(),
        KeyPart::Header(name) => format!("value of the header {name}"),
        KeyPart::Path(name) => format!("{{{name}}}"),
    });
    match &*parts.collect::<Vec<_>>().join(" and ") {
        "" => "for all requests together".to_owned(),
        parts => format!("for each {parts}"),
    }
}
