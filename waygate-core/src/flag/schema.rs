//! OpenAPI schemas of keys and words.

use utoipa::{PartialSchema, ToSchema};

use super::{
    hash::HashAlgorithm,
    key::{FlagKey, SegmentKey},
    lifecycle::Lifecycle,
    model::{ChangeAction, FlagStatus, FlagType, Operator},
    outcome::{ContractReason, ErrorCode, Reason},
};
use crate::schema::{texts, words};

texts! {
    FlagKey, "new-checkout", "The key of a flag: 1 to 128 letters, digits or `. _ -`.";
    SegmentKey, "beta-testers", "The key of a segment: 1 to 128 letters, digits or `. _ -`.";
}

words! {
    ChangeAction, "The kind of a scheduled change.";
    ContractReason, "The reason of a result.";
    ErrorCode, "The error of an evaluation.";
    FlagStatus, "The stage that the owner of a flag sets.";
    FlagType, "The type of the values of a flag.";
    HashAlgorithm, "The hash of rollouts.";
    Lifecycle, "The age of a flag, derived from its definition and its use.";
    Operator, "The comparison of a clause.";
    Reason, "The reason of a result, in the words of OpenFeature.";
}
