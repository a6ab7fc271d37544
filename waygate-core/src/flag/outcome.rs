use serde::Serialize;

use crate::flag::words::words;

words! {
    /// The reason of a result, in the words of OpenFeature.
    pub enum Reason: "reason" {
        /// The flag has no rules, targets or prerequisites, so the result is the same for all.
        Static = "STATIC",
        /// No target and no rule matched.
        Default = "DEFAULT",
        /// A target or a rule matched.
        TargetingMatch = "TARGETING_MATCH",
        /// The bucket of the context decided.
        Split = "SPLIT",
        /// The flag is disabled, or a prerequisite failed.
        Disabled = "DISABLED",
        /// No result, with an [`ErrorCode`].
        Error = "ERROR",
    }
}

words! {
    /// The reason of a result, in the words of the wire contract, section 2.5.
    pub enum ContractReason: "reason" {
        /// The flag is disabled.
        Off = "OFF",
        /// No target and no rule matched.
        Fallthrough = "FALLTHROUGH",
        /// A target matched.
        TargetMatch = "TARGET_MATCH",
        /// A rule matched.
        RuleMatch = "RULE_MATCH",
        /// A prerequisite has another variation.
        PrerequisiteFail = "PREREQUISITE_FAIL",
        /// No result.
        Error = "ERROR",
    }
}

words! {
    /// The error of an evaluation, in the words of OpenFeature.
    pub enum ErrorCode: "error code" {
        /// No flag has this key.
        FlagNotFound = "FLAG_NOT_FOUND",
        /// The definition has no result for the context.
        ParseError = "PARSE_ERROR",
        /// The value is not of the requested type.
        TypeMismatch = "TYPE_MISMATCH",
        /// A rollout needs the key of the context.
        TargetingKeyMissing = "TARGETING_KEY_MISSING",
        /// A rollout needs an attribute, as a string or a whole number.
        InvalidContext = "INVALID_CONTEXT",
        /// The prerequisites or segments are beyond the limits, or a segment does not exist or cannot be read.
        General = "GENERAL",
    }
}

impl std::error::Error for ErrorCode {}

/// The step of an evaluation that decided.
///
/// ```
/// use waygate_core::flag::{Cause, ContractReason};
///
/// let cause = Cause::Rule { index: 0, id: "beta-testers" };
/// assert_eq!(cause.contract_reason(), ContractReason::RuleMatch);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause<'a> {
    /// The kill switch.
    Disabled,
    /// A prerequisite with another variation than required.
    Prerequisite {
        /// The key of the other flag.
        key: &'a str,
    },
    /// An individual target.
    Target,
    /// The holdout of the flag.
    Holdout,
    /// The layer of the flag.
    Layer,
    /// A rule.
    Rule {
        /// Its position.
        index: usize,
        /// Its id.
        id: &'a str,
    },
    /// No target and no rule.
    Fallthrough,
    /// The same result for all.
    Static,
    /// An error.
    Error(ErrorCode),
}

impl Cause<'_> {
    /// Returns the reason in the words of the contract.
    pub const fn contract_reason(self) -> ContractReason {
        match self {
            Self::Disabled => ContractReason::Off,
            Self::Prerequisite { .. } => ContractReason::PrerequisiteFail,
            Self::Target => ContractReason::TargetMatch,
            Self::Rule { .. } => ContractReason::RuleMatch,
            Self::Holdout | Self::Layer | Self::Fallthrough | Self::Static => {
                ContractReason::Fallthrough
            }
            Self::Error(_) => ContractReason::Error,
        }
    }
}
