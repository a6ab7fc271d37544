use super::RateLimitPolicy;
use crate::grammar::{Algorithm, KeyPart, KeySource, Limit, Period, Rate, TierLimit, Unit};

impl RateLimitPolicy {
    /// Summarizes the limit for clients of the route: the quota and its key. Tiers are omitted.
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

    /// Summarizes the limit in units, for requests with different costs.
    ///
    /// ```
    /// # use waygate_core::model::RateLimitPolicy;
    /// let policy = RateLimitPolicy::new("20/second; 1000/hour".parse()?)?;
    /// assert_eq!(policy.summary_in_units(), "20 units per second and 1000 per hour by address");
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    pub fn summary_in_units(&self) -> String {
        let limit = self.limit_summary_in_units(&self.limit);
        format!("{limit} {}", key_summary(&self.key))
    }

    /// Summarizes one of the policy's limits: its own, or that of a tier.
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
        match self.cost.get() {
            1 => self.rates_summary(limit, " request"),
            _ => self.rates_summary(limit, ""),
        }
    }

    /// Summarizes one of the policy's limits in units.
    ///
    /// ```
    /// use waygate_core::model::RateLimitPolicy;
    ///
    /// let policy = RateLimitPolicy::new("20/second".parse()?)?;
    /// assert_eq!(policy.limit_summary_in_units(&policy.limit), "20 units per second");
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    pub fn limit_summary_in_units(&self, limit: &Limit) -> String {
        self.rates_summary(limit, " unit")
    }

    fn rates_summary(&self, limit: &Limit, noun: &str) -> String {
        let rates = self.rates(limit).enumerate().map(|(at, rate)| {
            let noun = if at == 0 { noun } else { "" };
            let plural = if noun.is_empty() || rate.amount() == 1 {
                ""
            } else {
                "s"
            };
            let zone = matches!(rate.period(), Period::Calendar(_));
            let zone = zone.then(|| format!(" ({})", self.time_zone));
            let burst = rate.burst().filter(|burst| *burst > 0);
            let burst = burst.map(|burst| format!(" with a burst of {burst}"));
            let (amount, period) = (rate.amount(), rate.period());
            let (zone, burst) = (zone.unwrap_or_default(), burst.unwrap_or_default());
            format!("{amount}{noun}{plural} per {period}{zone}{burst}")
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
    /// assert_eq!(policy.meaning(), "a burst of 20, and 100 per minute in the long run, for each client address");
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
                format!("a burst of {depth}, and {amount} per {period} in the long run")
            }
        }
    }
}

/// Summarizes the key that requests are counted by.
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
        return "for each key that a function in the code returns".to_owned();
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
