use std::str::FromStr;

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;
use waygate_core::grammar::{
    Algorithm, Invalid, Limit, OnMissingKey, OnStoreFailure, Percentage, PolicyName, Rate,
    RoleName, TierLimit, TimeZoneName, check_cost, check_limit, check_resolver, check_tier,
    parse_network, refuses_all,
};

use super::{
    attribute::{Attribute, Declared, Place, option},
    key::Key,
};
use crate::args::{Amount, Args, Given, Syntax};

const TIERS: &str = "{ free = \"10/minute\", pro = \"unlimited\" }";

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "rate_limit",
        keys: &[
            "algorithm",
            "key",
            "on_missing_key",
            "burst",
            "cost",
            "tiers",
            "tier",
            "exempt_ips",
            "exempt_roles",
            "shadow",
            "rollout",
            "on_store_failure",
            "lease",
            "time_zone",
            "name",
            "response",
            "route",
            "crate",
        ],
        positional: true,
    },
    alias_of: None,
    repeats: true,
    contradicts: &[],
    gate,
};

fn gate(args: &mut Args, place: Place<'_>) -> Declared {
    let tiers = args.pairs("tiers", TIERS);
    let (limit, parsed) = limit(args, tiers.is_some());
    let algorithm = words(args, "algorithm", Algorithm::ALL, Algorithm::as_str);
    let key = Key::take(args);
    let on_missing_key = words(
        args,
        "on_missing_key",
        OnMissingKey::ALL,
        OnMissingKey::as_str,
    );
    let burst = args.number("burst", "20", Rate::MAX_AMOUNT).unwrap_or(0);
    let (cost, cost_function) = match args.number_or_function("cost") {
        None => (0, None),
        Some(Amount::Number(cost)) => (cost, None),
        Some(Amount::Function(function)) => (0, Some(function)),
    };
    let counted = Counted::new(&algorithm, burst, cost);
    if let (Some(literal), Some(limit)) = (&limit, &parsed) {
        counted.check(args, literal, limit);
    }
    let has_tiers = tiers.is_some();
    let tiers = tiers.unwrap_or_default();
    check_tiers(args, &tiers, &counted);
    let tier = args.text("tier", "plan", check_resolver);
    if let (Given::Right(literal, ()), false) = (&tier, has_tiers) {
        let message = format!("`tier` without `tiers`: it selects one of them, `tiers = {TIERS}`");
        args.errors.at(literal, message);
    }
    let exempt_ips = args.strings("exempt_ips", "network", "10.0.0.0/8", parse_network);
    let exempt_roles = args.strings("exempt_roles", "role", "admin", RoleName::from_str);
    let shadow = args.flag("shadow");
    let rollout = args.text("rollout", "12.5", Percentage::from_str).literal();
    let is_for_all = !has_tiers
        && exempt_ips.is_empty()
        && exempt_roles.is_empty()
        && !shadow
        && rollout.is_none();
    if let (Some(literal), Some(limit), true) = (&limit, &parsed, is_for_all) {
        counted.check_passable(args, literal, limit);
    }
    let on_store_failure = words(
        args,
        "on_store_failure",
        OnStoreFailure::ALL,
        OnStoreFailure::as_str,
    );
    let lease = args.flag("lease");
    let time_zone = args
        .text("time_zone", "Europe/Berlin", TimeZoneName::declared)
        .literal();
    let name = args
        .text("name", "per-minute", PolicyName::from_str)
        .literal();

    let Place { facade, ordinal } = place;
    let (algorithm, on_missing_key, on_store_failure) = (
        option(algorithm.literal()),
        option(on_missing_key.literal()),
        option(on_store_failure.literal()),
    );
    let (source, tier, rollout) = (option(key.source), option(tier.literal()), option(rollout));
    let (time_zone, policy_name) = (option(time_zone), option(name.as_ref()));
    let tiers = pairs(&tiers);
    Declared {
        gate: quote! {
            RateLimit(&#facade::__private::RateLimit {
                name: #policy_name,
                ordinal: #ordinal,
                limit: #limit,
                algorithm: #algorithm,
                key: #source,
                on_missing_key: #on_missing_key,
                burst: #burst,
                cost: #cost,
                tiers: &[#tiers],
                tier: #tier,
                exempt_ips: &[#(#exempt_ips),*],
                exempt_roles: &[#(#exempt_roles),*],
                shadow: #shadow,
                rollout: #rollout,
                on_store_failure: #on_store_failure,
                lease: #lease,
                time_zone: #time_zone,
            })
        },
        name,
        key: key.function,
        cost: cost_function,
        flag: None,
        canary: None,
        response: None,
        parameters: key.parameters,
    }
}

/// Takes the limit: its literal and its value.
fn limit(args: &mut Args, has_tiers: bool) -> (Option<LitStr>, Option<Limit>) {
    let missing = match has_tiers {
        false => "needs a limit: `#[rate_limit(\"100/minute\")]`",
        true => {
            "needs a limit besides `tiers`, for all other callers: `#[rate_limit(\"100/minute\", tiers = { .. })]`"
        }
    };
    let several = "#[rate_limit] takes one limit; write several rates in one string: `\"10/second; 1000/hour\"`";
    let Some(value) = args.single(missing, several) else {
        return (None, None);
    };
    match args.literal(
        value,
        "#[rate_limit] takes its limit as a string literal: `\"100/minute\"`",
    ) {
        Some(literal) => {
            let parsed = Limit::from_str(&literal.value());
            let parsed = parsed.map_err(|invalid| args.errors.at(&literal, invalid));
            (Some(literal), parsed.ok())
        }
        None => (None, None),
    }
}

/// Takes `key = "word"`, one of `all`.
fn words<T: FromStr<Err = Invalid> + Copy>(
    args: &mut Args,
    key: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Given<T> {
    let words: Vec<&str> = all.iter().map(|word| as_str(*word)).collect();
    args.word(key, &words, T::from_str)
}

/// The arguments that every limit of one attribute is checked against.
struct Counted {
    /// `None` for an unknown algorithm.
    algorithm: Option<Algorithm>,
    burst: u64,
    /// 0 without `cost`, and if a function returns it.
    cost: u32,
}

impl Counted {
    fn new(algorithm: &Given<Algorithm>, burst: u64, cost: u32) -> Self {
        let algorithm = match algorithm {
            Given::Not => Some(Algorithm::default()),
            Given::Wrong => None,
            Given::Right(_, algorithm) => Some(*algorithm),
        };
        Self {
            algorithm,
            burst,
            cost,
        }
    }

    /// Rejects a limit of 0 for all callers. Operators close a route with it, but in an attribute it is a mistake.
    fn check_passable(&self, args: &mut Args, literal: &LitStr, limit: &Limit) {
        let Some(algorithm) = self.algorithm else {
            return;
        };
        if refuses_all(limit, algorithm, self.burst) {
            let message = format!(
                "`{}` refuses every request with 429; use `#[disabled]` to close the route",
                literal.value()
            );
            args.errors.at(literal, message);
        }
    }

    fn check(&self, args: &mut Args, literal: &LitStr, limit: &Limit) {
        let checked = self.algorithm.map_or(Ok(()), |algorithm| {
            check_limit(limit, algorithm, self.burst)?;
            check_cost(limit, algorithm, self.burst, self.cost)
        });
        if let Err(invalid) = checked {
            args.errors.at(literal, invalid);
        }
    }
}

fn check_tiers(args: &mut Args, tiers: &[(LitStr, LitStr)], counted: &Counted) {
    let mut names = Vec::new();
    for (name, limit) in tiers {
        let checked = PolicyName::from_str(&name.value()).and_then(|parsed| {
            check_tier(&names, &parsed)?;
            Ok(parsed)
        });
        match checked {
            Ok(parsed) => names.push(parsed),
            Err(invalid) => args.errors.at(name, invalid),
        }
        match TierLimit::from_str(&limit.value()) {
            Ok(TierLimit::Unlimited) => {}
            Ok(TierLimit::Limited(parsed)) => counted.check(args, limit, &parsed),
            Err(invalid) => args.errors.at(limit, invalid),
        }
    }
}

fn pairs(tiers: &[(LitStr, LitStr)]) -> TokenStream {
    let tiers = tiers.iter().map(|(name, limit)| quote!((#name, #limit)));
    quote!(#(#tiers),*)
}
