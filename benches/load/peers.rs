//! What the gateway is measured against, built from the same crate versions: `bare` reads a body and answers 900 fixed
//! bytes; `single` also stores the body, one fsynced commit a request, as a server without group commit would.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it stands beside the gateway, not in it")]

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, web};
use rusqlite::Connection;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Database = Arc<Mutex<Connection>>;

async fn bare(body: Bytes) -> HttpResponse {
    std::hint::black_box(body);
    fixed()
}

async fn single(body: Bytes, database: Data<Database>) -> HttpResponse {
    let database = Arc::clone(&database);
    let stored = web::block(move || {
        let connection = database.lock().unwrap_or_else(PoisonError::into_inner);
        let mut insert = connection.prepare_cached("INSERT INTO body (uuid, content) VALUES (?1, ?2)")?;
        insert.execute((uuid::Uuid::now_v7().to_string(), &body[..]))
    });
    match stored.await {
        Ok(Ok(_)) => fixed(),
        _ => HttpResponse::InternalServerError().finish(),
    }
}

fn fixed() -> HttpResponse {
    HttpResponse::Ok().content_type("text/xml; charset=utf-8").body(&[b'x'; 900] as &'static [u8])
}

fn open(directory: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(Path::new(directory).join("single.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE body (uuid TEXT UNIQUE, content BLOB);",
    )?;
    Ok(connection)
}

fn main() -> std::io::Result<()> {
    actix_web::rt::System::new().block_on(serve())
}

async fn serve() -> std::io::Result<()> {
    let directory = std::env::args().nth(1).ok_or_else(|| std::io::Error::other("usage: peers DIRECTORY"))?;
    let database: Database = Arc::new(Mutex::new(open(&directory).map_err(std::io::Error::other)?));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(Arc::clone(&database)))
            .route("/bare", web::to(bare))
            .route("/single", web::post().to(single))
    });
    let server = server.bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        println!("http://{address}");
    }
    server.run().await
}
