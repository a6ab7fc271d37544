//! Sync, generic and `extern` functions, methods, and functions inside a body, all with a route.

#![allow(clippy::needless_lifetimes)]

use waygate::{disabled, env_only};

#[disabled(route = "GET /sync")]
fn sync() {}

#[disabled(route = "GET /generic")]
async fn generic<'a, T, const N: usize>(values: &'a [T; N]) -> Option<&'a T>
where
    T: Clone + Sync,
{
    values.first()
}

#[disabled(route = "GET /foreign")]
extern "C" fn foreign() {}

#[disabled(route = "GET /const")]
const fn constant() -> u8 {
    1
}

#[disabled(route = "GET /inner")]
async fn with_inner_attributes() {
    #![allow(unused_variables)]
    let unused = 1;
}

struct Api<T>(T);

impl<T: Clone> Api<T> {
    #[disabled(route = "GET /method")]
    #[env_only("dev")]
    async fn method(&self) -> Self {
        Self(self.0.clone())
    }

    #[disabled(route = "GET /associated")]
    async fn associated() {}
}

trait Provided {
    #[disabled(route = "GET /provided")]
    fn provided(self: Box<Self>) {}
}

impl Provided for u8 {}

#[test]
fn it_compiles() {
    #[disabled]
    async fn local() {}

    const _: u8 = constant();
    sync();
    drop((generic(&[1, 2]), with_inner_attributes(), local()));
    drop((Api(1).method(), Api::<u8>::associated()));
    Box::new(1_u8).provided();
    let _: extern "C" fn() = foreign;
}
