//! Counts the requests of guarded routers.

use std::task::Poll;

use axum::{extract::Request, response::Response};
use http::Extensions;
#[cfg(feature = "metrics")]
use waygate_core::model::TraceParent;

use super::reply;
#[cfg(feature = "metrics")]
use crate::engine::own_trace;
use crate::engine::{Inner, Line, Recording, Snapshot};

/// Starts to count a request of the route in `slot`, or of no controlled route. `None` if the engine counts none, or
/// a layer around this one already counts it.
#[inline]
pub(super) fn start(
    slot: Option<usize>,
    request: &mut Request,
    engine: &Inner,
    snapshot: &Snapshot,
) -> Option<Recording> {
    if engine.is_stacked() && !is_first(request.extensions_mut(), engine) {
        return None;
    }
    let line = Line::of(request.method(), request.uri());
    let traffic = &snapshot.table.traffic;
    let recording = traffic.start(slot, line);
    #[cfg(feature = "metrics")]
    if traffic.has_exemplars() {
        // A trace that is not sampled is stored nowhere.
        let parent = own_trace(request.headers()).filter(TraceParent::is_sampled);
        let trace = parent.map(|parent| parent.trace_id());
        return recording.map(|recording| recording.with_trace(trace));
    }
    recording
}

/// The engines that count the request, by address. Copied extensions belong to another request.
#[derive(Debug, Default)]
struct CountedBy(Vec<usize>);

impl Clone for CountedBy {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Notes that the engine counts the request. Returns `false` if it already does.
#[cold]
fn is_first(extensions: &mut Extensions, engine: &Inner) -> bool {
    let engine = std::ptr::from_ref(engine).addr();
    let counted = extensions.get_or_insert_default::<CountedBy>();
    if counted.0.contains(&engine) {
        return false;
    }
    counted.0.push(engine);
    true
}

/// Notes that the response is about to be polled.
#[inline]
pub(super) fn enter(recording: &mut Option<Recording>) {
    if let Some(recording) = recording {
        recording.enter();
    }
}

/// Counts the response if it is ready.
#[inline]
pub(super) fn leave<E>(recording: &mut Option<Recording>, polled: &Poll<Result<Response, E>>) {
    match polled {
        Poll::Pending => {
            if let Some(recording) = recording {
                recording.leave();
            }
        }
        Poll::Ready(result) => {
            if let Some(recording) = recording.take() {
                end(recording, result);
            }
        }
    }
}

#[inline]
fn end<E>(recording: Recording, result: &Result<Response, E>) {
    match result {
        Ok(response) => recording.end(response.status().as_u16(), reply::blocked_by(response)),
        Err(_) => recording.end(500, None),
    }
}
