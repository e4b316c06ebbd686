package kafkaproto

// ConfigResourceType says whose configs a request is about.
type ConfigResourceType int8

// The resource types that carry configs.
const (
	ConfigResourceUnknown      ConfigResourceType = 0
	ConfigResourceTopic        ConfigResourceType = 2
	ConfigResourceBroker       ConfigResourceType = 4
	ConfigResourceBrokerLogger ConfigResourceType = 8
)

// ConfigSource says where the value of a config comes from; the lower number
// wins over the higher one.
type ConfigSource int8

// The sources, in Kafka's own order.
const (
	ConfigSourceUnknown              ConfigSource = 0
	ConfigSourceDynamicTopic         ConfigSource = 1
	ConfigSourceDynamicBroker        ConfigSource = 2
	ConfigSourceDynamicDefaultBroker ConfigSource = 3
	ConfigSourceStaticBroker         ConfigSource = 4
	ConfigSourceDefault              ConfigSource = 5
	ConfigSourceDynamicBrokerLogger  ConfigSource = 6
)

// ConfigType is the type of a config's value.
type ConfigType int8

// The value types.
const (
	ConfigTypeUnknown  ConfigType = 0
	ConfigTypeBoolean  ConfigType = 1
	ConfigTypeString   ConfigType = 2
	ConfigTypeInt      ConfigType = 3
	ConfigTypeShort    ConfigType = 4
	ConfigTypeLong     ConfigType = 5
	ConfigTypeDouble   ConfigType = 6
	ConfigTypeList     ConfigType = 7
	ConfigTypeClass    ConfigType = 8
	ConfigTypePassword ConfigType = 9
)

// IncrementalAlterConfigOp is what to do with one config (KIP-339).
type IncrementalAlterConfigOp int8

// The operations; append and subtract are for list configs only.
const (
	IncrementalAlterConfigSet      IncrementalAlterConfigOp = 0
	IncrementalAlterConfigDelete   IncrementalAlterConfigOp = 1
	IncrementalAlterConfigAppend   IncrementalAlterConfigOp = 2
	IncrementalAlterConfigSubtract IncrementalAlterConfigOp = 3
)
