use std::{
    any::TypeId,
    sync::atomic::{AtomicU64, Ordering},
};

/// Identifies the function behind a type-erased one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FunctionId {
    /// A function item, or a closure without captures: all values of the type are the same function.
    Type(TypeId),
    /// Any other value is equal only to itself and its clones.
    Value(u64),
}

impl FunctionId {
    pub(crate) fn of<F: 'static>(_: &F) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        match size_of::<F>() {
            0 => Self::Type(TypeId::of::<F>()),
            _ => Self::Value(NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// A type-erased function.
pub(crate) trait Function: Clone {
    fn id(&self) -> FunctionId;
}

/// Returns the function that both have, or the only one; `Err` if they differ.
pub(super) fn either<F: Function>(
    first: Option<&F>,
    second: Option<&F>,
) -> Result<Option<F>, TwoFunctions> {
    match (first, second) {
        (Some(first), Some(second)) if first.id() != second.id() => Err(TwoFunctions),
        (one, other) => Ok(one.or(other).cloned()),
    }
}

/// Used if only one function can be called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TwoFunctions;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::KeyFunction;

    #[test]
    fn functions_are_known_by_what_they_do() {
        let by = |header: &'static str| {
            KeyFunction::new(move |request: &http::request::Parts| {
                request
                    .headers
                    .get(header)
                    .map(|value| value.as_bytes().into())
            })
        };
        let plain = || KeyFunction::new(|_: &http::request::Parts| Some(1.into()));
        let (one, other) = (by("a"), by("b"));
        assert_eq!(one.id(), one.clone().id());
        assert_ne!(one.id(), other.id());
        assert_eq!(plain().id(), plain().id());
        assert_ne!(plain().id(), KeyFunction::new(|_: &_| None).id());
        assert!(either(Some(&one), Some(&other)).is_err());
        assert!(either(Some(&one), None).unwrap().is_some());
        assert!(either::<KeyFunction>(None, None).unwrap().is_none());
    }
}
