package org.benchfarm.runner.engine;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Concrete input shapes from what a model declares, the host's {@code shapes} and the batch size. */
public final class Shapes {
    /** An input as the model declares it: a size, or -1 with the dimension's name or "". */
    public static final class Declared {
        final String name;
        final int[] sizes;
        final String[] names;

        public Declared(String name, int[] sizes, String[] names) {
            this.name = name;
            this.sizes = sizes;
            this.names = names;
        }

        private boolean isNamed(int place) {
            return sizes[place] < 0 && !names[place].isEmpty();
        }

        @Override
        public String toString() {
            StringBuilder shown = new StringBuilder("[");
            for (int place = 0; place < sizes.length; place++) {
                String size = String.valueOf(sizes[place]);
                String dynamic = names[place].isEmpty() ? "?" : names[place];
                shown.append(place == 0 ? "" : ", ").append(sizes[place] < 0 ? dynamic : size);
            }
            return shown.append(']').toString();
        }
    }

    /** Sizes of the named dynamic dimensions. */
    public final Map<String, Integer> named = new LinkedHashMap<>();

    /** One shape for each input, in their order. */
    public final int[][] concrete;

    private final List<Declared> inputs;
    private final LoadRequest request;

    /**
     * A dynamic dimension takes its size from the request's shapes; a leading one without an entry
     * is the batch; a name that got its size at one place has it everywhere. Refuses what stays
     * open, what contradicts the model, and a batch the model has no room for.
     */
    public Shapes(List<Declared> inputs, LoadRequest request) throws Refused {
        this.inputs = inputs;
        this.request = request;
        checkNames();
        for (Declared input : inputs) {
            nameSizes(input);
        }
        concrete = new int[inputs.size()][];
        for (int i = 0; i < concrete.length; i++) {
            concrete[i] = resolve(inputs.get(i));
        }
        checkBatch();
    }

    private void checkNames() throws Refused {
        StringBuilder known = new StringBuilder();
        for (Declared input : inputs) {
            known.append(known.length() == 0 ? "" : ", ").append(input.name);
        }
        for (String name : request.shapes.keySet()) {
            boolean found = false;
            for (Declared input : inputs) {
                found = found || input.name.equals(name);
            }
            if (!found) {
                throw new Refused(
                        "option-rejected",
                        "shapes: no input '" + name + "'; the model has " + known);
            }
        }
    }

    private void nameSizes(Declared input) {
        int[] wanted = request.shapes.get(input.name);
        for (int place = 0; place < input.sizes.length; place++) {
            if (!input.isNamed(place) || named.containsKey(input.names[place])) {
                continue;
            }
            if (wanted != null && place < wanted.length) {
                named.put(input.names[place], wanted[place]);
            } else if (place == 0) {
                named.put(input.names[place], request.batch);
            }
        }
    }

    private int[] resolve(Declared input) throws Refused {
        int[] wanted = request.shapes.get(input.name);
        if (wanted != null) {
            checkFits(input, wanted);
            return wanted;
        }
        int[] found = new int[input.sizes.length];
        for (int place = 0; place < found.length; place++) {
            found[place] = size(input, place);
        }
        return found;
    }

    private int size(Declared input, int place) throws Refused {
        if (input.sizes[place] >= 0) {
            return input.sizes[place];
        }
        if (named.containsKey(input.names[place])) {
            return named.get(input.names[place]);
        }
        if (place == 0) {
            return request.batch;
        }
        throw new Refused(
                "option-rejected",
                String.format(
                        "input '%s' has the dynamic shape %s; set shapes: {%s: [...]} in the "
                                + "scenario",
                        input.name, input, input.name));
    }

    private void checkFits(Declared input, int[] wanted) throws Refused {
        boolean fits = wanted.length == input.sizes.length;
        for (int place = 0; fits && place < wanted.length; place++) {
            int fixed = input.isNamed(place) ? named.get(input.names[place]) : input.sizes[place];
            fits = fixed < 0 || fixed == wanted[place];
        }
        if (!fits) {
            throw new Refused(
                    "option-rejected",
                    String.format(
                            "shapes: %s: %s does not fit the model's %s",
                            input.name, Arrays.toString(wanted), input));
        }
    }

    /** A batch other than 1 must be the leading size of some input. */
    private void checkBatch() throws Refused {
        boolean found = request.batch == 1;
        StringBuilder shown = new StringBuilder();
        for (int i = 0; i < concrete.length; i++) {
            found = found || concrete[i].length > 0 && concrete[i][0] == request.batch;
            shown.append(i == 0 ? "" : ", ").append(inputs.get(i).name).append(' ');
            shown.append(inputs.get(i));
        }
        if (!found) {
            throw new Refused(
                    "option-rejected",
                    String.format(
                            "batch %d does not fit: the model has a fixed batch (%s); use batch 1 "
                                    + "or export the model with a dynamic first dimension",
                            request.batch, shown));
        }
    }
}
