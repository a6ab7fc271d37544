use super::RateLimitPolicy;
use crate::grammar::{Algorithm, KeyPart, KeySource, Limit, Period, Rate, TierLimit, Unit};

impl RateLimitPolicy {
    /// The limit in a few words, for people who call the route: how much, and by what it is counted. Tiers are left out.
    ///
    /// ```
    /// # use waygate_core::model::RateLimitPolicy;
    /// let policy = RateLimitPolicy::new("20/second; 1000/hour burst 50".parse()?)?;
    /// assert_eq!(policy.summary(), "20 requests per second and 1000 per hour with a burst of 50 by address");
    ///
    /// let mut policy = RateLimitPolicy::new("10/calendar day".parse()?)?;
    /// policy.cost = 5.try_into().unwrap();
    /// assert_eq!(policy.summary(), "10 per calendar day (UTC) by address, of which a request takes 5");
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    pub fn summary(&self) -> String {
        let (limit, key) = (self.limit_summary(&self.limit), key_summary(&self.key));
        match self.cost.get() {
            1 => format!("{limit} {key}"),
            cost => format!("{limit} {key}, of which a request takes {cost}"),
        }
    }

    /// One of the policy's limits in a few words: its own, or that of a tier.
    ///
    /// ```
    /// use waygate_core::model::RateLimitPolicy;
    ///
    /// let mut policy = RateLimitPolicy::new("100/minute".parse()?)?;
    /// policy.burst = 20;
    /// assert_eq!(policy.rates(&policy.limit).count(), 1);
    /// assert!(policy.limit_summary(&policy.limit).starts_with("100 requests per minute"));
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    pub fn limit_summary(&self, limit: &Limit) -> String {
        let rates = self.rates(limit).enumerate().map(|(at, rate)| {
            let requests = match (at, rate.amount(), self.cost.get()) {
                (0, 1, 1) => " request",
                (0, _, 1) => " requests",
                _ => "",
            };
            let zone = matches!(rate.period(), Period::Calendar(_));
            let zone = zone.then(|| format!(" ({})", self.time_zone));
            let burst = rate.burst().filter(|burst| *burst > 0);
            let burst = burst.map(|burst| format!(" with a burst of {burst}"));
            let (amount, period) = (rate.amount(), rate.period());
            let (zone, burst) = (zone.unwrap_or_default(), burst.unwrap_or_default());
            format!("{amount}{requests} per {period}{zone}{burst}")
        });
        rates.collect::<Vec<_>>().join(" and ")
    }

    /// Describes the policy in words.
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

/// By what requests are counted, in a few words.
pub(in crate::model) fn key_summary(key: &KeySource) -> String {
    let KeySource::Parts(parts) = key else {
        return "by a key of the application".to_owned();
    };
    let parts = parts.iter().filter_map(|part| match part {
        KeyPart::Ip => Some("address".to_owned()),
        KeyPart::User => Some("user".to_owned()),
        KeyPart::ApiKey => Some("API key".to_owned()),
        KeyPart::Global => None,
        KeyPart::Header(name) => Some(format!("header {name}")),
        KeyPart::Path(name) => Some(format!("{{{name}}}")),
    });
    match &*parts.collect::<Vec<_>>().join(" and ") {
        "" => "for all callers together".to_owned(),
        parts => format!("by {parts}"),
    }
}

/// Describes the key, for use after a comma.
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
        "" => "for all callers together".to_owned(),
        parts => format!("for each {parts}"),
    }
}
