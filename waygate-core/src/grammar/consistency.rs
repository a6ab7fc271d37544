//! Checks between the parts of a rate limit policy.

use super::{Algorithm, Invalid, Limit, PolicyName, Rate};

/// The largest moving window, which stores every request.
pub const MAX_MOVING: u64 = 1_000;

/// The most tiers of one policy.
pub const MAX_TIERS: usize = 64;

/// Iterates over the rates of a limit, each with its own burst, or else that of the policy; 0 is none.
pub fn rates_with_burst(limit: &Limit, burst: u64) -> impl Iterator<Item = Rate> + use<'_> {
    let burst = (burst > 0).then_some(burst);
    let rates = limit.rates().iter();
    rates.map(move |rate| rate.with_burst(rate.burst().or(burst)))
}

/// Checks that the algorithm can enforce a limit with the policy's burst.
///
/// # Errors
/// [`Invalid`] with the limit or the burst, and the fix.
pub fn check_limit(limit: &Limit, algorithm: Algorithm, burst: u64) -> Result<(), Invalid> {
    if burst > Rate::MAX_AMOUNT {
        let problem = format!("the most is {}", Rate::MAX_AMOUNT);
        return Err(Invalid::new("burst", &burst.to_string(), problem));
    }
    for rate in rates_with_burst(limit, burst) {
        check_rate(rate, algorithm)
            .map_err(|problem| Invalid::new("rate limit", limit.as_str(), problem))?;
    }
    Ok(())
}

/// Returns `true` if a limit refuses every request: a mistake in an attribute, a deliberate stop by an operator.
pub fn refuses_all(limit: &Limit, algorithm: Algorithm, burst: u64) -> bool {
    rates_with_burst(limit, burst).any(|rate| capacity(rate, algorithm) == 0)
}

/// Returns the most units that a rate allows together: amount and burst, or the depth of its token bucket.
pub fn capacity(rate: Rate, algorithm: Algorithm) -> u64 {
    let is_bucket = algorithm == Algorithm::TokenBucket && rate.period().seconds().is_some();
    match (is_bucket, rate.burst()) {
        (true, burst) => burst.unwrap_or(rate.amount()).max(1),
        (false, burst) => rate.amount().saturating_add(burst.unwrap_or(0)),
    }
}

/// Checks that a request of this cost can ever pass. Skips a rate of 0, which blocks everything on purpose.
///
/// # Errors
/// [`Invalid`] with the limit, and the fix.
pub fn check_cost(
    limit: &Limit,
    algorithm: Algorithm,
    burst: u64,
    cost: u32,
) -> Result<(), Invalid> {
    let capacities = rates_with_burst(limit, burst).map(|rate| capacity(rate, algorithm));
    match capacities.filter(|capacity| *capacity > 0).min() {
        Some(most) if u64::from(cost) > most => {
            let problem = format!(
                "no request would ever pass, since `{limit}` allows {most} at most; use 1 to {most}, or raise the limit"
            );
            Err(Invalid::new("cost", &cost.to_string(), problem))
        }
        _ => Ok(()),
    }
}

fn check_rate(rate: Rate, algorithm: Algorithm) -> Result<(), String> {
    let capacity = rate.amount().saturating_add(rate.burst().unwrap_or(0));
    let Some(seconds) = rate.period().seconds() else {
        return match algorithm {
            Algorithm::FixedWindow => Ok(()),
            other => Err(format!("a calendar quota is a fixed window, not a {other}")),
        };
    };
    match algorithm {
        Algorithm::MovingWindow if capacity > MAX_MOVING => Err(format!(
            "a moving window remembers every request, and takes {MAX_MOVING} at most; use sliding_window or token_bucket"
        )),
        Algorithm::SlidingWindow if capacity > u64::from(u32::MAX) => {
            Err(format!("a sliding window takes {} at most", u32::MAX))
        }
        Algorithm::TokenBucket if rate.amount() == 0 => {
            Err("a token bucket that never refills takes nothing; use fixed_window".to_owned())
        }
        Algorithm::TokenBucket if rate.amount() / 1_000_000_000 >= seconds => {
            Err("a token bucket refills a billion times a second at most".to_owned())
        }
        Algorithm::FixedWindow
        | Algorithm::SlidingWindow
        | Algorithm::MovingWindow
        | Algorithm::TokenBucket => Ok(()),
    }
}

/// Checks that another tier of this name may follow.
///
/// # Errors
/// [`Invalid`] for a duplicate name, and over [`MAX_TIERS`].
pub fn check_tier(above: &[PolicyName], name: &PolicyName) -> Result<(), Invalid> {
    let invalid = |problem: String| Err(Invalid::new("tier", name.as_str(), problem));
    if above.contains(name) {
        return invalid("it is given twice".to_owned());
    }
    if above.len() >= MAX_TIERS {
        return invalid(format!("a policy has at most {MAX_TIERS} tiers"));
    }
    Ok(())
}

/// Checks the name of an attribute of the caller.
///
/// # Errors
/// [`Invalid`] for an empty name.
pub fn check_resolver(name: &str) -> Result<(), Invalid> {
    match name.trim() {
        "" => Err(Invalid::new(
            "tier resolver",
            name,
            "name the attribute of the caller that names the tier, such as `plan`",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(limit: &str, algorithm: Algorithm, burst: u64) -> String {
        let limit = limit.parse().unwrap();
        check_limit(&limit, algorithm, burst)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_burst_counts_towards_the_capacity_of_an_algorithm() {
        let limit = "1000/minute".parse().unwrap();
        assert!(check_limit(&limit, Algorithm::MovingWindow, 0).is_ok());
        let found = problem("1000/minute", Algorithm::MovingWindow, 1);
        assert!(
            found.starts_with("invalid rate limit `1000/minute`: a moving window remembers"),
            "{found}"
        );
        assert_eq!(
            problem("1/minute", Algorithm::FixedWindow, u64::MAX),
            "invalid burst `18446744073709551615`: the most is 9007199254740992"
        );
    }

    #[test]
    fn a_cost_must_fit_the_smallest_rate() {
        let check = |limit: &str, algorithm, burst, cost| {
            let checked = check_cost(&limit.parse().unwrap(), algorithm, burst, cost);
            checked.map_err(|invalid| invalid.to_string())
        };
        let (window, bucket) = (Algorithm::FixedWindow, Algorithm::TokenBucket);
        assert_eq!(check("10/minute", window, 0, 10), Ok(()));
        assert_eq!(
            check("10/minute", window, 0, 50).unwrap_err(),
            "invalid cost `50`: no request would ever pass, since `10/minute` allows 10 at most; use 1 to 10, or raise \
             the limit"
        );
        assert_eq!(check("10/minute", window, 40, 50), Ok(()));
        assert_eq!(check("10/minute burst 40", window, 0, 50), Ok(()));
        assert!(check("1000/hour; 10/second", window, 0, 11).is_err());
        assert!(check("10/calendar day", window, 0, 11).is_err());
        // The burst is the depth of a bucket.
        assert!(check("10/minute", bucket, 5, 6).is_err());
        assert_eq!(check("10/minute", bucket, 20, 20), Ok(()));
        // Nothing passes, as intended.
        assert_eq!(check("0/minute", window, 0, 1), Ok(()));
        assert!(check("0/minute; 3/hour", window, 0, 4).is_err());
    }

    #[test]
    fn a_rates_own_burst_takes_precedence() {
        let limit: Limit = "1/s burst 2; 1/hour".parse().unwrap();
        let bursts: Vec<_> = rates_with_burst(&limit, 9)
            .map(|rate| rate.burst())
            .collect();
        assert_eq!(bursts, [Some(2), Some(9)]);
        assert!(rates_with_burst(&limit, 0).any(|rate| rate.burst().is_none()));
    }

    #[test]
    fn tiers_are_distinct_and_few() {
        let names: Vec<PolicyName> = (0..MAX_TIERS)
            .map(|n| format!("tier-{n}").parse().unwrap())
            .collect();
        assert!(check_tier(&names[..63], &names[63]).is_ok());
        let twice = check_tier(&names, &names[5]).unwrap_err();
        assert_eq!(
            twice.to_string(),
            "invalid tier `tier-5`: it is given twice"
        );
        let many = check_tier(&names, &"one-more".parse().unwrap()).unwrap_err();
        assert_eq!(many.problem(), "a policy has at most 64 tiers");
    }

    #[test]
    fn a_resolver_needs_a_name() {
        assert!(check_resolver("plan").is_ok());
        for nothing in ["", " "] {
            let invalid = check_resolver(nothing).unwrap_err();
            assert!(
                invalid.to_string().starts_with("invalid tier resolver"),
                "{invalid}"
            );
        }
    }
}
