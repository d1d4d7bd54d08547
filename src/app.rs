//! What a request may touch: the store, the settings, the clock and what is remembered between requests.
//! It is built once and shared. It knows neither who asks nor what for.

pub mod blueprint;
pub mod bodies;
pub mod bucket;
pub mod cache;
pub mod clock;
pub mod depth;
pub mod fields;
pub mod figures;
pub mod hook;
pub mod principal;
pub mod rules;
pub mod secret;
pub mod signature;
pub mod vault;
pub mod waiters;

use std::sync::Arc;

use self::bodies::Bodies;
use self::bucket::Buckets;
use self::cache::Cache;
use self::clock::Clock;
use self::depth::Depth;
use self::fields::StoredFlow;
use self::hook::{Endpoint, Subscription};
use self::principal::{Pass, Principal, PrincipalKey};
use self::rules::StoredSchema;
use self::secret::Secrets;
use self::vault::Vault;
use self::waiters::Waiters;
use crate::config::Config;
use crate::diagram::Diagram;
use crate::model::account::CustomerId;
use crate::model::flow::{FlowId, FlowKey};

use crate::outbound::Outbound;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;

/// How many credentials are remembered; each takes about a kilobyte.
const PRINCIPALS: usize = 10_000;

/// How many compiled schemas are remembered; a large one takes a megabyte.
const SCHEMAS: usize = 256;
/// How many flows are remembered.
const FLOWS: usize = 10_000;
/// How many versions of flows are remembered; a large one takes a megabyte.
const DIAGRAMS: usize = 1_000;

/// Customers whose secrets are remembered, sealed.
const SECRETS: usize = 1_000;
/// Customers whose subscriptions are remembered; one without any takes hardly a place.
const SUBSCRIBERS: usize = 10_000;
/// Subscriptions that are remembered with their signing keys, sealed.
const ENDPOINTS: usize = 10_000;

/// The gateway as its requests see it.
pub struct App {
    /// Where everything is kept.
    pub store: Store,
    /// The settings.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Who stands behind the credentials seen lately.
    pub principals: Cache<PrincipalKey, Arc<Principal>>,
    /// Who stands behind the access tokens seen lately, by the token's hash.
    pub passes: Cache<[u8; 32], Pass>,
    /// Schemas used lately, ready to be applied; `None` for a customer without one.
    pub schemas: Cache<CustomerId, Option<Arc<StoredSchema>>>,
    /// Flows named lately.
    pub flows: Cache<(CustomerId, FlowKey), Arc<StoredFlow>>,
    /// Versions of flows that records run through, ready to be followed; they never change.
    pub diagrams: Cache<(CustomerId, FlowId, i64), Arc<Diagram>>,
    /// Callers that wait for the end of a run.
    pub waiters: Waiters,
    /// Sealed secrets used lately.
    pub sealed: Cache<CustomerId, Arc<Secrets>>,
    /// Who wants to hear of what, by customer.
    pub subscribers: Cache<CustomerId, Arc<[Subscription]>>,
    /// Subscriptions that something was sent to lately, by their own numbers.
    pub endpoints: Cache<i64, Arc<Endpoint>>,
    /// What opens sealed secrets.
    pub vault: Vault,
    /// What is left of each allowance.
    pub buckets: Buckets,
    /// What the bodies of requests may hold.
    pub bodies: Bodies,
    /// The way to ask others.
    pub outbound: Outbound,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How many records there are, as far as it was asked lately.
    pub depth: Depth,
}

impl App {
    /// Puts the parts together.
    pub fn new(config: Config, store: Store, clock: Clock) -> App {
        App {
            bodies: Bodies::new(config.server.body_budget),
            outbound: Outbound::new(&config.outbound),
            vault: Vault::new(&config.store),
            store,
            config,
            clock,
            principals: Cache::new(PRINCIPALS),
            passes: Cache::new(PRINCIPALS),
            schemas: Cache::new(SCHEMAS),
            flows: Cache::new(FLOWS),
            diagrams: Cache::new(DIAGRAMS),
            waiters: Waiters::default(),
            sealed: Cache::new(SECRETS),
            subscribers: Cache::new(SUBSCRIBERS),
            endpoints: Cache::new(ENDPOINTS),
            buckets: Buckets::default(),
            metrics: Arc::default(),
            depth: Depth::default(),
        }
    }
}
