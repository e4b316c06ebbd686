package broker

import (
	"regexp"

	"umbra/kafkaproto"
)

// softwareName is what a client may call itself and its version (KIP-511).
const softwareName = `^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`

// ApiVersions (key 18, versions 0-4): the APIs of handlerFor with the ranges
// of kafkaproto.Lookup. No features: transactions stay at their first protocol.
//
//	v0-v4: as Kafka
//	v3+:   the client's software name and version are checked, else INVALID_REQUEST
//	above: answered in v0 with UNSUPPORTED_VERSION and the range of this API
//	       alone, the one case where an unknown version is not a closed connection
func handleApiVersions(r *request) {
	var m kafkaproto.ApiVersionsRequest
	if !decode(r, &m) {
		return
	}
	resp := kafkaproto.ApiVersionsResponse{FinalizedFeaturesEpoch: -1}
	if r.version() >= 3 && !(r.loop.software.MatchString(m.ClientSoftwareName) && r.loop.software.MatchString(m.ClientSoftwareVersion)) {
		resp.ErrorCode = int16(kafkaproto.InvalidRequest)
	} else {
		for _, a := range served() {
			resp.ApiKeys = append(resp.ApiKeys, versionRange(a))
		}
	}
	r.reply(&resp)
}

func versionRange(a kafkaproto.API) kafkaproto.ApiVersionsResponseApiKey {
	return kafkaproto.ApiVersionsResponseApiKey{ApiKey: a.Key, MinVersion: a.AdvertisedMin, MaxVersion: a.Max}
}

// answerUnknownApiVersions is for a version of ApiVersions that is newer than ours.
func answerUnknownApiVersions(r *request) {
	api, _ := kafkaproto.Lookup(kafkaproto.KeyApiVersions)
	r.replyAs(&kafkaproto.ApiVersionsResponse{
		ErrorCode:              int16(kafkaproto.UnsupportedVersion),
		ApiKeys:                []kafkaproto.ApiVersionsResponseApiKey{versionRange(api)},
		FinalizedFeaturesEpoch: -1,
	}, 0)
}

func newSoftwarePattern() *regexp.Regexp { return regexp.MustCompile(softwareName) }
