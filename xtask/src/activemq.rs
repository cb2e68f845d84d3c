//! The Rust client of STOMP with ActiveMQ: Debian's package, which has STOMP over TCP only, started for this step on
//! loopback, and ended with it. The cases are `crates/stomp/tests/others`.

use std::process::Command;
use std::time::Duration;

use crate::context::{Context, Failure, Outcome};
use crate::folder::{Folder, free_ports};
use crate::process::Server;
use crate::{cargo, install, process};

/// How long ActiveMQ may take to start.
const START_BOUND: Duration = Duration::from_secs(120);

/// How long ActiveMQ may take to end: it closes its store in order.
const STOP_BOUND: Duration = Duration::from_secs(60);

/// To standard output, for the line that says that it listens.
const LOGGING: &str = "\
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%p %m%n
";

pub(crate) fn check(cx: &Context) -> Outcome {
    install::activemq(cx)?;
    let [port] = free_ports()?;
    let folder = Folder::empty(cx.peers().join("activemq"))?;
    folder.write("activemq.xml", &configuration(&folder, port))?;
    folder.write("log4j.properties", LOGGING)?;
    let server = folder.write_program("server", &program(&folder))?;
    let activemq = Server::start(cx, "activemq", &mut Command::new(server))?;
    let tested = test(cx, &activemq, port);
    let stopped = activemq.stop_within(STOP_BOUND);
    let version = tested?;
    stopped?;
    Ok(vec![version])
}

/// Runs the cases once ActiveMQ listens, and gives what it calls itself.
fn test(cx: &Context, activemq: &Server, port: u16) -> Result<String, Failure> {
    let said = activemq.hear(") started", START_BOUND)?;
    let mut tests = cargo::cargo(cx);
    tests
        .args(["test", "--package", "gumboot-stomp", "--test", "others"])
        .env(
            "GUMBOOT_ACTIVEMQ_STOMP",
            format!("stomp://127.0.0.1:{port}"),
        );
    process::run(cx, &mut tests)?;
    let version = said.split(" (").next().unwrap_or(&said);
    Ok(version.trim_start_matches("INFO Apache ").to_owned())
}

fn configuration(folder: &Folder, port: u16) -> String {
    let core = "http://activemq.apache.org/schema/core";
    let beans = "http://www.springframework.org/schema/beans";
    let data = folder.path().join("data");
    let data = data.display();
    format!(
        r#"<beans xmlns="{beans}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="{beans} {beans}/spring-beans.xsd {core} {core}/activemq-core.xsd">
  <broker xmlns="{core}" brokerName="gumboot" dataDirectory="{data}" useJmx="false">
    <persistenceAdapter><kahaDB directory="{data}/kahadb"/></persistenceAdapter>
    <plugins><simpleAuthenticationPlugin anonymousAccessAllowed="false"><users>
      <authenticationUser username="guest" password="guest" groups="users"/>
    </users></simpleAuthenticationPlugin></plugins>
    <transportConnectors>
      <transportConnector name="stomp" uri="stomp://127.0.0.1:{port}"/>
    </transportConnectors>
  </broker>
</beans>
"#
    )
}

/// A shell ends with 0 on SIGTERM when Java, which does not, has ended.
fn program(folder: &Folder) -> String {
    let folder = folder.path().display();
    format!(
        "#!/bin/sh\n\
         java -Dactivemq.home=/usr/share/activemq '-Dactivemq.base={folder}' \\\n\
         \x20 '-Dlog4j.configuration=file:{folder}/log4j.properties' \\\n\
         \x20 -jar /usr/share/activemq/bin/activemq.jar start 'xbean:file:{folder}/activemq.xml' &\n\
         pid=$!\n\
         trap 'kill $pid; wait $pid; exit 0' TERM\n\
         wait $pid\n"
    )
}
