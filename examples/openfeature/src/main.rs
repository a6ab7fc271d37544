//! Feature flags through the official OpenFeature SDK, and for services in other languages over OFREP.
//!
//! `README.md` walks through it with curl, and connects a JavaScript and a Python service.

mod search;

#[cfg(test)]
mod tests;

use axum::Router;
use open_feature::OpenFeature;
use waygate::{
    Waygate, WaygateBuilder,
    admin::{Admin, Credentials},
    ofrep::{Ofrep, Token},
};
use waygate_openfeature_provider::WaygateProvider;

async fn app(
    builder: WaygateBuilder,
    openfeature: &mut OpenFeature,
) -> Result<Router, Box<dyn std::error::Error>> {
    let waygate = builder.build().await?;
    openfeature
        .set_provider(WaygateProvider::new(waygate.clone()))
        .await;

    let credentials = Credentials::new("admin", "secret"); // <- CHANGE ME: the operator of this service
    let services = Token::server("srv_5a2f0f9e7c6d4b1a")?; // <- CHANGE ME: the token of services in other languages
    let pages = Token::client("web_0d9c8b7a6f5e4d3c")?; // <- CHANGE ME: the token of pages, which their users can read
    let admin = Admin::new(credentials)
        .flags(true)
        .ofrep(Ofrep::new().token(services).token(pages));
    let api = search::router(openfeature.create_client());
    let guarded = waygate.guard(api).await?.admin("/waygate", admin);
    Ok(guarded.into_router())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut openfeature = OpenFeature::singleton_mut().await;
    let router = app(Waygate::from_env()?, &mut openfeature).await?;
    drop(openfeature); // Code elsewhere waits for its lock.
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}
