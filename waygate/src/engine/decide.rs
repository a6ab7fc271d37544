//! The decision that all callers share: the layer, the extractor, and adapters to other frameworks.

use waygate_core::decision::{Block, Facts, Verdict};

use super::{
    Inner,
    compiler::Bypass,
    headers::{StateHeaders, uncached},
    refusals,
    request::{Asked, Framework, RequestFacts},
    snapshot::Snapshot,
};

impl Inner {
    /// Decides whether to serve a request for the route in `slot`, or for a URL without a controlled route.
    #[inline]
    pub(crate) fn decide<'a>(
        &self,
        snapshot: &'a Snapshot,
        slot: Option<usize>,
        asked: &impl Asked,
        facts: &impl Facts,
    ) -> Verdict<'a> {
        if in_test(|bypass| bypass.lifecycle) {
            return Verdict::Pass;
        }
        if snapshot.bypass.lifecycle {
            // Access lists do not depend on the lifecycle.
            let route = slot.and_then(|slot| snapshot.slot(slot));
            let verdict = route.map_or(Verdict::Pass, |route| route.rule.decide_access(facts));
            // Flags do not, either.
            #[cfg(feature = "flags")]
            if verdict == Verdict::Pass
                && !asked.is_unhandled_preflight()
                && let Some(off) = snapshot.flag_off(slot, asked)
            {
                return Verdict::Block(off);
            }
            return verdict;
        }
        snapshot.decide(slot, asked, facts, || self.clock.now())
    }

    /// Evaluates all routes that govern a request and applies the strictest verdict. Returns the verdict with the slot
    /// that it came from: that of the first refusal, otherwise the first deprecated route, otherwise the first route.
    /// If several routes refuse, the refusal ends when the last of them does. A force-active route overrides an
    /// operator's changes to the other routes.
    pub(crate) fn decide_among<'a>(
        &self,
        snapshot: &'a Snapshot,
        slots: &[usize],
        asked: &impl Asked,
        facts: &impl Facts,
    ) -> (Option<usize>, Verdict<'a>) {
        if let [] | [_] = slots {
            let slot = slots.first().copied();
            return (slot, self.decide(snapshot, slot, asked, facts));
        }
        let table = &snapshot.table;
        let has_say = |slot: &&usize| !slots.iter().any(|other| table.yields(**slot, *other));
        let (mut refused, mut passed, mut exempt) = (None, None, false);
        for &slot in slots.iter().filter(has_say) {
            let deprecated = match self.decide(snapshot, Some(slot), asked, facts) {
                Verdict::Block(block) => {
                    refused = Some(match refused {
                        None => (slot, block),
                        Some((slot, first)) => (slot, Block::and(first, &block)),
                    });
                    continue;
                }
                Verdict::Pass => false,
                Verdict::PassDeprecated => true,
                Verdict::PassExempt { deprecated } => {
                    exempt = true;
                    deprecated
                }
            };
            match passed {
                Some((_, known)) if known || !deprecated => {}
                _ => passed = Some((slot, deprecated)),
            }
        }
        if let Some((slot, block)) = refused {
            return (Some(slot), Verdict::Block(block));
        }
        let (slot, deprecated) = passed.unzip();
        let verdict = Verdict::passing(deprecated.unwrap_or(false), exempt);
        (slot.or(slots.first().copied()), verdict)
    }

    /// The first of several routes that govern a request, with the functions and limits of all of them, with or
    /// without the shared limits. `None` if nothing counts the request.
    pub(crate) fn limits_among(
        &self,
        snapshot: &Snapshot,
        slots: &[usize],
        shared: bool,
        asked: &impl Asked,
    ) -> Option<(
        usize,
        std::sync::Arc<super::Registered>,
        std::sync::Arc<super::Limits>,
    )> {
        if snapshot.bypass.rate_limits
            || in_test(|bypass| bypass.rate_limits)
            || asked.is_unhandled_preflight()
        {
            return None;
        }
        let slot = *slots.first()?;
        let limits = snapshot.limits_among(slots, shared, asked.method())?;
        let routes = slots.iter().filter_map(|slot| snapshot.table.route(*slot));
        Some((slot, super::Registered::among(routes)?, limits))
    }

    /// The route and the limits that count a request, if there are any.
    #[inline]
    pub(crate) fn limits_for<'a>(
        &self,
        snapshot: &'a Snapshot,
        slot: Option<usize>,
        asked: &impl Asked,
    ) -> Option<Limited<'a>> {
        let slot = slot?;
        let limits = snapshot.limits(slot, asked.method())?;
        if snapshot.bypass.rate_limits
            || in_test(|bypass| bypass.rate_limits)
            || asked.is_unhandled_preflight()
        {
            return None;
        }
        let route = snapshot.table.route(slot)?;
        Some(Limited {
            slot,
            route,
            limits,
        })
    }
}

/// A request's route, and the limits that count it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limited<'a> {
    pub(crate) slot: usize,
    pub(crate) route: &'a std::sync::Arc<super::Registered>,
    pub(crate) limits: &'a std::sync::Arc<super::Limits>,
}

/// The headers that announce the verdict on the route in `slot`, or the cause of the refusal.
#[inline]
pub(crate) fn announced<'s, 'a, F: Framework<'a>>(
    slot: Option<usize>,
    verdict: Verdict<'s>,
    snapshot: &'s Snapshot,
    facts: &RequestFacts<'a, F>,
) -> Result<Option<StateHeaders>, Block<'s>> {
    let of_route = || slot.and_then(|slot| snapshot.slot(slot)?.announcement.as_ref());
    match verdict {
        Verdict::Pass => Ok(None),
        Verdict::PassDeprecated => Ok(of_route().cloned()),
        Verdict::PassExempt { deprecated } => {
            refusals::note_exempt(snapshot, slot, facts);
            Ok(Some(uncached(of_route().filter(|_| deprecated))))
        }
        Verdict::Block(block) => Err(block),
    }
}

/// Returns `true` if a test made the request with this bypass.
#[inline]
pub(crate) fn in_test(which: impl FnOnce(Bypass) -> bool) -> bool {
    #[cfg(feature = "testing")]
    let bypass = crate::testing::bypassed();
    #[cfg(not(feature = "testing"))]
    let bypass = Bypass::default();
    which(bypass)
}
