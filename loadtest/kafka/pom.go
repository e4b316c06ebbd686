package kafka

import (
	"fmt"
	"strings"
)

// artifact is group:artifact:version of Maven.
type artifact string

// release is what has to be resolved for one Kafka version.
type release struct {
	version string
	needs   []artifact
	without []artifact // group:artifact pairs excluded everywhere
}

// releases lists the known ones. The bindings of slf4j are named by hand: Kafka's
// published dependencies carry none (or, in old ones, log4j 1, which we leave out).
func releases() []release {
	return []release{
		{
			version: Newest,
			needs: []artifact{
				"org.apache.kafka:kafka_2.13:4.3.1",
				"org.apache.kafka:kafka-tools:4.3.1",
				"org.apache.kafka:connect-mirror:4.3.1",
				"org.apache.logging.log4j:log4j-api:2.25.3",
				"org.apache.logging.log4j:log4j-core:2.25.3",
				"org.apache.logging.log4j:log4j-1.2-api:2.25.3",
				"org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",
			},
		},
		{
			version: ZK28,
			needs:   []artifact{"org.apache.kafka:kafka_2.13:2.8.2", "org.slf4j:slf4j-simple:1.7.36"},
			without: []artifact{"org.slf4j:slf4j-log4j12", "log4j:log4j"},
		},
		{
			version: ZK21,
			needs: []artifact{
				"org.apache.kafka:kafka_2.12:2.1.1",
				"org.apache.zookeeper:zookeeper:3.5.9", // 3.4.13 cannot resolve addresses on Java 14 and later
				"org.slf4j:slf4j-simple:1.7.36",
			},
			without: []artifact{"org.slf4j:slf4j-log4j12", "log4j:log4j"},
		},
	}
}

// pomOf is the project file that resolves a release, or an error that lists
// the known ones.
func pomOf(version string) (string, error) {
	var known []string
	for _, r := range releases() {
		if r.version == version {
			return r.pom(), nil
		}
		known = append(known, r.version)
	}
	return "", fmt.Errorf("fetch kafka %q: unknown release, known are %s", version, strings.Join(known, ", "))
}

func (r release) pom() string {
	var b strings.Builder
	b.WriteString(`<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>umbra</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
`)
	for _, a := range r.needs {
		p := strings.Split(string(a), ":")
		fmt.Fprintf(&b, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>", p[0], p[1], p[2])
		if len(r.without) > 0 {
			b.WriteString("<exclusions>")
			for _, w := range r.without {
				g, n, _ := strings.Cut(string(w), ":")
				fmt.Fprintf(&b, "<exclusion><groupId>%s</groupId><artifactId>%s</artifactId></exclusion>", g, n)
			}
			b.WriteString("</exclusions>")
		}
		b.WriteString("</dependency>\n")
	}
	b.WriteString("</dependencies>\n</project>\n")
	return b.String()
}

// log4j2 keeps brokers at INFO on standard output, less what is only noise here.
const log4j2 = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c{1})%n
rootLogger.level = ${sys:umbra.log:-INFO}
rootLogger.appenderRef.console.ref = console
logger.config.name = org.apache.kafka.common.config
logger.config.level = WARN
logger.kafkaconfig.name = kafka.server.KafkaConfig
logger.kafkaconfig.level = WARN
`
