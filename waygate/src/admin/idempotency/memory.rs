use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use waygate_core::Timestamp;

use crate::engine::kinds::KeyedRequest;

/// The most responses in the memory of a process, and their bytes. The oldest are dropped.
const MAX_RESPONSES: usize = 2_000;
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most bytes of one response.
const MAX_RESPONSE: usize = 1024 * 1024;

/// A response to send again.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Kept {
    /// Sends the response again.
    pub(super) fn replay(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        let name = HeaderName::from_static("idempotent-replayed");
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static("true"));
        response
    }
}

/// The keys of this process: those of requests that run, and the responses of others.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Keys>);

#[derive(Debug, Default)]
struct Keys {
    running: HashMap<Box<str>, Box<str>>,
    done: HashMap<Box<str>, Done>,
    /// Oldest first.
    order: VecDeque<Box<str>>,
    bytes: usize,
}

#[derive(Debug)]
struct Done {
    request: KeyedRequest,
    response: Arc<Kept>,
}

/// What to do with a request.
#[derive(Debug)]
pub(super) enum Begun {
    /// No other request of the process has the key.
    New(Running),
    /// The request runs already.
    Running,
    /// Another request has the key.
    Other,
    /// The response of the request.
    Done(Arc<Kept>),
}

impl Memory {
    fn keys(&self) -> MutexGuard<'_, Keys> {
        // No code that may panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a request with a key.
    pub(super) fn begin(self: &Arc<Self>, id: &str, request: &KeyedRequest) -> Begun {
        let mut keys = self.keys();
        keys.forget_expired(request.at);
        if let Some(done) = keys.done.get(id) {
            return match done.request.fingerprint == request.fingerprint {
                true => Begun::Done(done.response.clone()),
                false => Begun::Other,
            };
        }
        match keys.running.get(id) {
            Some(fingerprint) if *fingerprint == request.fingerprint => Begun::Running,
            Some(_) => Begun::Other,
            None => {
                keys.running.insert(id.into(), request.fingerprint.clone());
                Begun::New(Running {
                    memory: self.clone(),
                    id: id.into(),
                })
            }
        }
    }
}

impl Keys {
    fn forget_expired(&mut self, now: Timestamp) {
        while let Some(oldest) = self.order.front()
            && self
                .done
                .get(oldest)
                .is_none_or(|done| done.request.is_expired(now))
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.order.pop_front();
        let done = oldest.and_then(|id| self.done.remove(&id));
        self.bytes -= done.map_or(0, |done| done.response.body.len());
    }

    fn keep(&mut self, id: &str, done: Done) {
        let size = done.response.body.len();
        if size > MAX_RESPONSE {
            return;
        }
        while !self.order.is_empty()
            && (self.order.len() >= MAX_RESPONSES || self.bytes + size > MAX_BYTES)
        {
            self.forget_oldest();
        }
        self.bytes += size;
        self.order.push_back(id.into());
        self.done.insert(id.into(), done);
    }
}

/// A request with a key that runs. Its end frees the key.
#[derive(Debug)]
pub(super) struct Running {
    memory: Arc<Memory>,
    id: Box<str>,
}

impl Running {
    /// Keeps the response, for requests after this one.
    pub(super) fn keep(&self, request: KeyedRequest, response: Arc<Kept>) {
        let done = Done { request, response };
        self.memory.keys().keep(&self.id, done);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.memory.keys().running.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fingerprint: &str, second: i64) -> KeyedRequest {
        KeyedRequest {
            fingerprint: fingerprint.into(),
            at: Timestamp::from_second(second).unwrap(),
            response: None,
        }
    }

    fn kept(bytes: usize) -> Arc<Kept> {
        Arc::new(Kept {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: vec![0_u8; bytes].into(),
        })
    }

    fn run(memory: &Arc<Memory>, id: &str, second: i64, bytes: usize) {
        let request = request("f", second);
        let Begun::New(running) = memory.begin(id, &request) else {
            panic!("{id} is known");
        };
        running.keep(request, kept(bytes));
    }

    #[test]
    fn a_key_is_that_of_one_request() {
        let memory = Arc::new(Memory::default());
        let first = memory.begin("a", &request("f", 0));
        assert!(matches!(
            memory.begin("a", &request("f", 0)),
            Begun::Running
        ));
        assert!(matches!(memory.begin("a", &request("g", 0)), Begun::Other));
        assert!(matches!(memory.begin("b", &request("g", 0)), Begun::New(_)));
        drop(first);
        run(&memory, "a", 0, 1);
        assert!(matches!(
            memory.begin("a", &request("f", 1)),
            Begun::Done(_)
        ));
        assert!(matches!(memory.begin("a", &request("g", 1)), Begun::Other));
    }

    #[test]
    fn responses_are_kept_for_a_day() {
        let memory = Arc::new(Memory::default());
        run(&memory, "a", 0, 10);
        run(&memory, "b", 10, 10);
        assert!(matches!(
            memory.begin("a", &request("f", 86_399)),
            Begun::Done(_)
        ));
        assert!(matches!(
            memory.begin("a", &request("f", 86_400)),
            Begun::New(_)
        ));
        assert!(matches!(
            memory.begin("b", &request("f", 86_400)),
            Begun::Done(_)
        ));
        assert_eq!(memory.keys().bytes, 10);
    }

    #[test]
    fn memory_is_bounded_in_count_and_bytes() {
        let memory = Arc::new(Memory::default());
        for nth in 0..MAX_RESPONSES + 5 {
            run(&memory, &nth.to_string(), 0, 1);
        }
        assert_eq!(memory.keys().done.len(), MAX_RESPONSES);
        assert!(matches!(memory.begin("4", &request("f", 0)), Begun::New(_)));
        assert!(matches!(
            memory.begin("5", &request("f", 0)),
            Begun::Done(_)
        ));
        for nth in 0..20 {
            run(&memory, &format!("large {nth}"), 0, MAX_RESPONSE);
        }
        let keys = memory.keys();
        assert_eq!((keys.done.len(), keys.bytes), (16, MAX_BYTES));
        drop(keys);
        run(&memory, "too large", 0, MAX_RESPONSE + 1);
        let again = memory.begin("too large", &request("f", 0));
        assert!(matches!(again, Begun::New(_)));
    }
}
