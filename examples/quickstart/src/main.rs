//! The smallest complete application: annotated handlers, live documentation and the admin API.

mod handlers;
#[cfg(test)]
mod tests;

use waygate::{
    Guarded, Waygate, WaygateBuilder,
    admin::{Admin, Credentials},
};

async fn app(builder: WaygateBuilder) -> Result<Guarded, Box<dyn std::error::Error>> {
    let waygate = builder.build().await?;
    let admin = Credentials::new("admin", "secret"); // <- CHANGE ME: the operator of this service
    Ok(waygate
        .guard(handlers::router())
        .await?
        .docs("/docs")
        .admin("/waygate", Admin::new(admin).flags(true)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The environment is `dev`; `WAYGATE_ENV=production` closes `/debug`. Changes are kept in memory; with
    // `WAYGATE_BACKEND=file` they survive a restart.
    let app = app(Waygate::from_env()?).await?;
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let address = format!("127.0.0.1:{port}");
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("{}", app.report());
    println!("{}", include_str!("hints.txt").replace("3000", &port));
    Ok(axum::serve(listener, app.into_make_service_with_connect_info()).await?)
}
