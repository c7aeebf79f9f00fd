//! Traces of joins for an OpenTelemetry collector (OTLP over HTTP): what took how long until somebody's
//! first packet was here. A way is told once, when it is over, so nothing is carried along meanwhile.
//!
//! Whoever hands a way over never waits: the library's own thread gathers and sends what it has, through
//! the same HTTP client as everybody here. A collector that is away costs what it missed, and that is
//! counted.

use crate::outward::{self, Client};
use crate::settings::TraceSettings;
use crate::state::{Journey, Outcome};
use axum::body::Bytes;
use http_body_util::Full;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, Key, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{self, SdkTracer, SdkTracerProvider, SpanData};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;
use volley::base::Time;

/// What OTLP puts behind its base URL.
const PATH: &str = "/v1/traces";
/// A collector stands nearby and only takes down what it is told.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Spans that wait at once, what the library's own queue holds: some three hundred joins in the time that
/// it gathers them.
const MOST_WAITING: u64 = 2048;
/// At the end, for what still waits.
const LAST_SPANS: Duration = Duration::from_millis(200);

/// What became of spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SpanTally {
    /// The collector has them.
    pub(crate) sent: u64,
    /// It did not take them.
    pub(crate) failed: u64,
    /// Never sent, since too many waited.
    pub(crate) dropped: u64,
}

#[derive(Debug, Default)]
struct Counts {
    handed: AtomicU64,
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn waiting(&self) -> u64 {
        let done = self.sent.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed);
        self.handed.load(Ordering::Relaxed).saturating_sub(done)
    }
}

/// The way to the collector.
#[derive(Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    counts: Arc<Counts>,
}

impl Traces {
    /// Must be called inside the runtime.
    pub(crate) fn start(settings: &TraceSettings) -> Result<Traces, ExporterBuildError> {
        let endpoint = format!("{}{PATH}", settings.endpoint.trim_end_matches('/'));
        let counts = Arc::<Counts>::default();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Http { client: outward::client(), runtime: Handle::current() })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&endpoint)
            .with_timeout(ANSWER_WITHIN)
            .build()?;
        let exporter = Counting { exporter, counts: Arc::clone(&counts) };
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        let tracer = provider.tracer("volley");
        tracing::info!(endpoint = outward::shown_url(&endpoint), "joins are traced");
        Ok(Traces { provider, tracer, counts })
    }

    /// Hands a way over, at the time `now`.
    pub(crate) fn tell(&self, journey: &Journey, now: Time) {
        let spans = 1 + journey.legs.len() as u64;
        if self.counts.waiting() + spans > MOST_WAITING {
            self.counts.dropped.fetch_add(spans, Ordering::Relaxed);
            return;
        }
        let wall = SystemTime::now();
        let at = |time: Time| wall - now.since(time);
        let root = SpanBuilder::from_name("join")
            .with_kind(SpanKind::Server)
            .with_start_time(at(journey.from))
            .with_attributes(attributes(journey));
        let root = Context::new().with_span(self.tracer.build_with_context(root, &Context::new()));
        // OTEL_TRACES_SAMPLER may want only some: the others go nowhere.
        if !root.span().span_context().is_sampled() {
            return;
        }
        self.counts.handed.fetch_add(spans, Ordering::Relaxed);
        for leg in &journey.legs {
            let span = SpanBuilder::from_name(leg.name).with_start_time(at(leg.from));
            self.tracer.build_with_context(span, &root).end_with_timestamp(at(leg.to));
        }
        root.span().set_status(match journey.outcome {
            Outcome::Arrived => Status::Ok,
            Outcome::Left => Status::Unset,
            Outcome::Lost => Status::error("no media came"),
        });
        root.span().end_with_timestamp(at(journey.to));
    }

    /// What became of all that was handed over.
    pub(crate) fn tally(&self) -> SpanTally {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { sent, failed, dropped, .. } = &*self.counts;
        SpanTally { sent: of(sent), failed: of(failed), dropped: of(dropped) }
    }

    /// Sends what still waits, for a moment. Blocks.
    pub(crate) fn finish(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_SPANS) {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

/// The library reads OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, and says `unknown_service` where neither
/// names us.
fn resource() -> Resource {
    let known = Resource::builder().build();
    let name = known.get(&Key::from_static_str("service.name")).map(|name| name.to_string());
    let builder =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    match name.filter(|name| !name.starts_with("unknown_service")) {
        Some(_) => builder.build(),
        None => builder.with_service_name("volley").build(),
    }
}

fn attributes(journey: &Journey) -> Vec<KeyValue> {
    let outcome = match journey.outcome {
        Outcome::Arrived => "arrived",
        Outcome::Left => "left",
        Outcome::Lost => "lost",
    };
    let mut attributes = vec![
        KeyValue::new("volley.room", journey.room.clone()),
        KeyValue::new("volley.participant", journey.participant.0.to_string()),
        KeyValue::new("volley.by", journey.by),
        KeyValue::new("volley.outcome", outcome),
    ];
    attributes.extend(journey.worker.map(|worker| KeyValue::new("volley.worker", worker as i64)));
    attributes
}

/// Counts what became of what goes through it.
#[derive(Debug)]
struct Counting {
    exporter: SpanExporter,
    counts: Arc<Counts>,
}

impl trace::SpanExporter for Counting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let outcome = self.exporter.export(batch).await;
        let count = match &outcome {
            Ok(()) => &self.counts.sent,
            Err(error) => {
                tracing::warn!(spans, %error, "the collector did not take traces; they are lost");
                &self.counts.failed
            }
        };
        count.fetch_add(spans, Ordering::Relaxed);
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Asks from whatever thread, on the threads of the runtime.
struct Http {
    client: Client<Full<Bytes>>,
    runtime: Handle,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Http")
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Http {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let answer = self.client.request(request.map(Full::new));
        let read = async { outward::whole(answer.await.map_err(|error| outward::chain(&error))?).await };
        let asked = self.runtime.spawn(async { tokio::time::timeout(ANSWER_WITHIN, read).await });
        Box::pin(async { Ok(asked.await?.map_err(|_| format!("no answer within {ANSWER_WITHIN:?}"))??) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Leg;
    use axum::Router;
    use axum::extract::State;
    use axum::http::StatusCode;
    use axum::routing::post;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message as _;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use volley::base::ParticipantId;

    /// A collector that answers so, and what it was told.
    async fn collector(status: StatusCode) -> (String, mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
        let (told, heard) = mpsc::unbounded_channel();
        let take = async move |State(told): State<mpsc::UnboundedSender<_>>, body: Bytes| {
            let _ = told.send(ExportTraceServiceRequest::decode(body).expect("it is OTLP"));
            status
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/traces", post(take)).with_state(told);
        tokio::spawn(axum::serve(listener, router).into_future());
        (format!("http://{address}/"), heard)
    }

    fn started(endpoint: &str) -> Arc<Traces> {
        Arc::new(Traces::start(&TraceSettings { endpoint: endpoint.to_owned() }).unwrap())
    }

    fn journey(outcome: Outcome) -> Journey {
        let at = Time::from_millis;
        let leg = |name, from, to| Leg { name, from: at(from), to: at(to) };
        Journey {
            room: String::from("meeting"),
            participant: ParticipantId(7),
            worker: Some(1),
            by: "websocket",
            from: at(1_000),
            to: at(1_150),
            legs: vec![leg("ICE", 1_000, 1_050), leg("DTLS", 1_050, 1_150)],
            outcome,
        }
    }

    /// Lets it send all it has, until that has become of it.
    async fn until(traces: &Arc<Traces>, wanted: SpanTally) {
        let flushed = Arc::clone(traces);
        // Whether it was in time shows in what became of it.
        let _ = tokio::task::spawn_blocking(move || flushed.provider.force_flush()).await.unwrap();
        for _ in 0..100 {
            if traces.tally() == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(traces.tally(), wanted);
    }

    fn text(span: &Span, key: &str) -> Option<String> {
        let value = span.attributes.iter().find(|one| one.key == key)?.value.clone()?.value?;
        match value {
            Value::StringValue(text) => Some(text),
            Value::IntValue(number) => Some(number.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_is_told_a_join_and_its_parts_with_their_times() {
        let (endpoint, mut heard) = collector(StatusCode::OK).await;
        let traces = started(&endpoint);
        traces.tell(&journey(Outcome::Arrived), Time::from_millis(1_200));
        let told_at = SystemTime::now();
        until(&traces, SpanTally { sent: 3, ..SpanTally::default() }).await;
        let request = heard.recv().await.expect("it was told");
        let [of_resource] = &request.resource_spans[..] else { panic!("{request:?}") };
        let service = of_resource.resource.as_ref().unwrap().attributes.iter();
        assert!(service.clone().any(|one| one.key == "service.name"), "{of_resource:?}");
        let spans = &of_resource.scope_spans[0].spans;
        let [ice, dtls, join] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!([&*ice.name, &*dtls.name, &*join.name], ["ICE", "DTLS", "join"]);
        assert!(join.parent_span_id.is_empty());
        for part in [ice, dtls] {
            assert_eq!((&part.parent_span_id, &part.trace_id), (&join.span_id, &join.trace_id));
        }
        let millis = |span: &Span| (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000_000;
        assert_eq!([millis(ice), millis(dtls), millis(join)], [50, 100, 150]);
        assert_eq!(ice.end_time_unix_nano, dtls.start_time_unix_nano);
        let ended = SystemTime::UNIX_EPOCH + Duration::from_nanos(join.end_time_unix_nano);
        let ago = told_at.duration_since(ended).unwrap();
        assert!((50..1_000).contains(&ago.as_millis()), "it ended 50 ms before it was told: {ago:?}");
        for (key, value) in [
            ("volley.room", "meeting"),
            ("volley.participant", "7"),
            ("volley.worker", "1"),
            ("volley.outcome", "arrived"),
        ] {
            assert_eq!(text(join, key).as_deref(), Some(value));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_collector_does_not_take_is_counted() {
        let (endpoint, _heard) = collector(StatusCode::BAD_REQUEST).await;
        let traces = started(&endpoint);
        traces.tell(&journey(Outcome::Lost), Time::from_millis(1_200));
        until(&traces, SpanTally { failed: 3, ..SpanTally::default() }).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_that_never_answers_holds_nobody_up_and_what_is_too_much_is_dropped() {
        // It takes connections, and that is all.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let traces = started(&format!("http://{}", silent.local_addr().unwrap()));
        let began = std::time::Instant::now();
        let journeys = 2_000;
        for _ in 0..journeys {
            traces.tell(&journey(Outcome::Arrived), Time::from_millis(1_200));
        }
        assert!(began.elapsed() < ANSWER_WITHIN, "nobody waits: {:?}", began.elapsed());
        let SpanTally { sent, dropped, .. } = traces.tally();
        assert_eq!(sent, 0);
        assert!(dropped >= 3 * journeys - MOST_WAITING, "{dropped} were dropped");
        let ended = Arc::clone(&traces);
        let began = std::time::Instant::now();
        tokio::task::spawn_blocking(move || ended.finish()).await.unwrap();
        assert!(began.elapsed() < ANSWER_WITHIN, "nor at the end: {:?}", began.elapsed());
    }
}
